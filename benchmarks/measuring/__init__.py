"""Clocks, processes and texts of the suites."""
