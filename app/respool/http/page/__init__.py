"""The page at ``/__admin/``: static files, and the headers under which a browser may run them."""
