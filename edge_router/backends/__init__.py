"""Experts that answer."""
