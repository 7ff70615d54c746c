"""Who can answer, and what to expect of each."""
