"""Grades collected answers again: by rule or test, by BERTSim, and their references by NLL."""
