"""Measuring for all suites: clocks, processes, texts and rows."""
