"""The teacher and the student."""
