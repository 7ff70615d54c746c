"""The plugin of simonw's llm (extra `llm`); its entry point is `models`."""
