"""Routers that look up the outcomes of similar training queries."""
