"""What contenders are compared on."""
