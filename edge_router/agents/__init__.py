"""Agents and tools: which one does what a request asks for, decided on the device (MoMA).

>>> from edge_router import EdgeRouter, Router                             # doctest: +SKIP
>>> from edge_router.agents.catalog.catalog import AgentCatalog
>>> from edge_router.agents.catalog.embedding import RouterEmbedder
>>> from edge_router.agents.catalog.sources import agents_of
>>> from edge_router.agents.router import AgentRouter
>>> catalog = AgentCatalog(RouterEmbedder(Router.bundled()), agents_of(tools))
>>> agents = AgentRouter(catalog)
>>> agents.fit()                            # with three examples an agent or more
>>> agents.calibrate(requests_in_scope, requests_out_of_scope)
>>> with EdgeRouter() as client:
...     client.dispatch("will it rain", agents=agents, call={"weather": forecast})

`tools` are OpenAI's tool schemas or the reply to MCP's tools/list; agents.toml and Python do too.
Agents come and go while requests are routed; a catalogue in a file keeps its fitted head beside it.
`catalog` keeps agents, `ranking` scores them for a request, `states` follows a conversation,
`choosing` asks a language model that can name no other. `tool_loop.ToolLoop` answers with the
caller's tools, over several calls.
"""
