"""Coverage: how often guaranteed prices keep their target."""
