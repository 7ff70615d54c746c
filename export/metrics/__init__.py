"""Metrics of routing quality."""
