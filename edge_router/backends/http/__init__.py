"""HTTP of which every wait is bounded and can be ended."""
