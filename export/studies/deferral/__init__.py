"""Deferral: gates that hold a local answer back, compared."""
