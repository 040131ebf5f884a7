"""Drill: run a client once per fault, and judge what it does.

`cases` says which faults there are to try and what is expected of a client, `verdict` judges a run,
`report` tells of all of them; these are values and functions. `run` has the processes and servers.
"""
