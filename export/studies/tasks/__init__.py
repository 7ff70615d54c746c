"""Study of two-stage routing: task classifiers on OpsEval, expert sets on MMLU-Pro."""
