"""Where logged queries went, what they cost, and whether routing paid."""
