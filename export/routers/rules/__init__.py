"""Routers of a few numbers or none."""
