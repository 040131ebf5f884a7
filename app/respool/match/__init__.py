"""Which recording answers a request, and which of its turns: plain values in, plain values out.

    request          what is looked at of a request
    canonical        a request's body without what differs from client to client
    turn_choice      which turn of one recording a request asks for
    recorded         recordings by the request that they were recorded with
    stubs            rules of the user: match -> play, read from YAML
    near             the nearest recordings to a request that nothing answers, and what differs

Nothing here remembers anything: what has to be remembered is an argument, and part of the result.
"""
