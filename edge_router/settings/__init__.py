"""Settings of the user: read and checked, without numpy."""
