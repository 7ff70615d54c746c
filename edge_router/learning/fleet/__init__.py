"""Outcomes of many devices: exported without text, merged into a table, learned from."""
