"""Conformance: the checker, its rules, and reports on files and live servers."""
