"""Guards: checks of values, bounded reading of files, redaction of secrets, safety after a fork."""
