"""Answers that were kept, and what their scores say."""
