"""The tasks on which contenders are compared: pairs and pools of experts."""
