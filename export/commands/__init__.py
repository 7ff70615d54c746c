"""The commands of `edge-router export`, one file for each or for all on one recipe."""
