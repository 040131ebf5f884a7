"""Matching: choose the recording that answers a request, and the turn of it. Values in, values out.

request          the parts of a request that matching reads
canonical        a request's body without what differs from client to client
turn_choice      the turn of one recording that a request asks for
recorded         recordings by the request that they were recorded with
stubs            rules of the user: match -> play, read from YAML
near             the nearest recordings to a request that nothing answers, and the differences

Nothing here keeps state: state is an argument, and part of the result.
"""
