"""What clients send and get: OpenAI's JSON in, a ChatRequest; an answer, OpenAI's JSON out."""
