"""The parts of an expert's settings: checks, levels of thinking, names of well-known programs."""
