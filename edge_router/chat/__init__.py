"""OpenAI's chat shape: conversations, requests, replies."""
