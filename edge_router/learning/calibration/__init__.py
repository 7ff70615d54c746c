"""Operating points that keep a target."""
