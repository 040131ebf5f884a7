"""The admin API at ``/__admin``: what a test asks of the server besides answers. See docs/admin.md.

Nothing of this package is imported before the first request to it: see `http.app`.
"""
