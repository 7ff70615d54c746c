"""Commands that answer or decide: ask, chat, route, agents, tasks."""
