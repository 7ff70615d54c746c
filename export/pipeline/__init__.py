"""All steps from outcome tables to a verified artifact."""
