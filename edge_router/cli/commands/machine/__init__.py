"""Commands about this installation: device, doctor, models."""
