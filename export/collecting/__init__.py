"""Asking experts the questions whose answers are known."""
