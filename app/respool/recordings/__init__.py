"""Recordings: their values, the file formats, and the store that finds them by name."""
