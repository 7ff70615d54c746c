"""Micro-benchmarks of Edge Router: suites, one row schema, several printers, a compare tool."""
