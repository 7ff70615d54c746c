"""llama-cpp-python: one answer at a time, every token in Python's sight."""
