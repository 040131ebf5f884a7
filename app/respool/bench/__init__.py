"""Load on a Responses server: many streams at once, and the lateness of their events.

`report` and `target` are values, `tally` counts the events of any server. `client` reads one stream cheaply,
`load` plays many in a process of its own, `servers` starts a server to be measured.
"""
