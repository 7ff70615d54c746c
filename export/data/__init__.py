"""Outcome tables: rows, questions, grades, importers."""
