"""Drill: run a client once per fault, and judge what it does.

`cases` has the faults to try and the expected behaviour of a client, `verdict` judges a run, `report` formats
all results; these are values and functions. `running` has the processes and servers.
"""
