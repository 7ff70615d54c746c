"""The nearest of many sentence embeddings, on disk."""
