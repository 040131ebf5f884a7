"""The admin API at ``/__admin``: control of the server by tests. See docs/admin.md.

Nothing of this package is imported before the first request to it: see `http.app`.
"""
