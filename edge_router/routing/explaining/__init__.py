"""Why a decision is as it is."""
