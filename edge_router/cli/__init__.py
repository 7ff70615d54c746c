"""The program edge-router: its commands, options, output and exit codes."""
