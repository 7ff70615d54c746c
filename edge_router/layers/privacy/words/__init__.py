"""Words of many languages that private data stands behind, one table a subject."""
