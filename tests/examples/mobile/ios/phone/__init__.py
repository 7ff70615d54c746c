"""The application that Briefcase packs."""
