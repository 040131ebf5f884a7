"""Measurements of Respool over loopback; see README.md. Run: ``python -m bench``."""
