"""One result: its cell, samples, context and the machine's state."""
