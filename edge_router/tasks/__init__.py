"""Two-stage routing by task (CoE-Ops, 2025): first which task a query is, then its best expert."""
