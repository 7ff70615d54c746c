"""Agents and tools: which one does what a request asks for, decided on the device (MoMA)."""
