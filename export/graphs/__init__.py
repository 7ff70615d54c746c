"""From a trained network to an exact int8 graph."""
