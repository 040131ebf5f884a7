"""The Responses API over WebSocket: the client's frames, and the server's frames other than events.

Text frames with one JSON object each, both ways. No sockets and no time here: `play` has the connection.
"""
