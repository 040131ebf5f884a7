"""The Responses API over WebSocket: what clients send, and what is sent besides a response's events.

Text frames with one JSON object each, both ways. No sockets and no time here: `play` has the connection.
"""
