"""What the user may set; numpy-free."""
