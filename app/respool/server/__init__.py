"""MockServer, its state, and its decisions. No sockets, no HTTP."""
