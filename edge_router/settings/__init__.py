"""Settings: what the user may set, read and checked without numpy."""
