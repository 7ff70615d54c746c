"""Conversations at a terminal: the last one, the lines typed in chat, and what loads meanwhile."""
