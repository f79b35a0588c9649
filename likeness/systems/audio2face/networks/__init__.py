"""The two networks of the system and their settings."""
