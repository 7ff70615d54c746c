"""Studies that measure the promises of the README, one command each."""
