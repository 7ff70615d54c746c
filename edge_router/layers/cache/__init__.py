"""Answers kept on this device: exact and semantic matches of whole conversations."""
