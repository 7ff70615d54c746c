"""State and speed of this machine: memory, clock, battery, measured local experts."""
