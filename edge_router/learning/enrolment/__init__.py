"""New experts, taught on the device."""
