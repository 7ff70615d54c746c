"""Small scripts, each run in a process of its own; they print one line of JSON."""
