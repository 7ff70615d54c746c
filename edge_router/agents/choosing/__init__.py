"""The last choice among few agents, by a language model that can name no other."""
