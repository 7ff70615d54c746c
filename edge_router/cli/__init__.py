"""The command edge-router."""
