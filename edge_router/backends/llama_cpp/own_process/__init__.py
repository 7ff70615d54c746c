"""A model in a process of its own: it can crash, wait and be freed without the program."""
