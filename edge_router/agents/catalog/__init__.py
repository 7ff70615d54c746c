"""The catalogue of agents: what an agent is, where agents come from, how they are kept."""
