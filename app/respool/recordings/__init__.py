"""Recordings: their values, the formats in which files hold them, and the store that finds them by name."""
