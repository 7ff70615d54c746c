"""Collects outcomes: asks experts questions with gold answers."""
