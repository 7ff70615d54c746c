"""How good task classifiers and two-stage routing are: runs, measures, figures."""
