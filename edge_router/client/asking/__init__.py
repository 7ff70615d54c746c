"""Ask experts for the answer to one query: calls, hedging, fallbacks, handover, deferral."""
