"""Judges answers: an expert rates them under a rubric, blind, and its agreement is measured."""
