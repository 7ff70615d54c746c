"""The state of a conversation, and which agents may be called in it."""
