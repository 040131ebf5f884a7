"""Whether a stream is legal: the checker, its rules, and reports of files and live servers."""
