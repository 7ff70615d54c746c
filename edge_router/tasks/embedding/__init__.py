"""On sentence embeddings alone: the nearest of many on disk, and a classifier fitted to some."""
