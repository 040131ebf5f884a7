"""The one object that remembers, and what it decides with. No sockets, no HTTP."""
