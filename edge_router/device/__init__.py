"""The state and the speed of this machine."""
