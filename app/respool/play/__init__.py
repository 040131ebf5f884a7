"""Time as data: the clock, the pace, and one live response as a function of the time since its start."""
