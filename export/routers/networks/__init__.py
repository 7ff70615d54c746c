"""Routers that are trained networks."""
