"""TO-Router's experiment with small local experts: collecting, routing, tables and figures."""
