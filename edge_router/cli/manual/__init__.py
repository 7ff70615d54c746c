"""What the parsers of the commands know, in other forms: shell completion and a manual page."""
