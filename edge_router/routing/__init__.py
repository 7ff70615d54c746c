"""From a prompt to a decision; no expert is called."""
