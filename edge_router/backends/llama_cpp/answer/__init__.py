"""One answer of a local model: how it is generated, bound by a grammar, and read."""
