"""The emulated machines: emulator, Debian's libraries, wheels, and the script inside."""
