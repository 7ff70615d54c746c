"""EdgeRouter: route, ask, hand over, record."""
