"""From estimates, limits and a rule to a decision."""
