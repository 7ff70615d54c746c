"""Routers without a network: rules of thumb, linear models and uninformed ones."""
