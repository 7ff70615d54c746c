"""Wraps of a backend or a client: each adds one thing."""
