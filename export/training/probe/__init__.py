"""A probe: what a small language model that stays as it is knows of a query."""
