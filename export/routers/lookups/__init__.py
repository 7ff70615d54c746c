"""Routers that look up known queries."""
