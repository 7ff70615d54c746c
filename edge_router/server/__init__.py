"""An OpenAI-compatible server around one EdgeRouter; the command is `edge-router serve`."""
