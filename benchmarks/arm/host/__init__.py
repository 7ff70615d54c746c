"""The emulator and the guest's files."""
