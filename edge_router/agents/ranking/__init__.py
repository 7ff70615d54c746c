"""Which agents fit a request: similarity, a fitted head, categories, shortlists, abstention."""
