"""What `respool.protocol.checker` is made of: one module for each kind of thing that can be wrong."""
