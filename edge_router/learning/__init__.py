"""From answers back to numbers."""
