"""Enrolment: how good heads fitted to few outcomes are."""
