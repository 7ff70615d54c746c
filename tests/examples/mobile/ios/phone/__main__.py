"""Briefcase starts the application by `python -m phone`."""

from .app import main

if __name__ == "__main__":
    main().main_loop()
