"""What values, files and locks are made safe with."""
