"""The Responses API as a protocol: events in, values out. No time and no I/O."""
