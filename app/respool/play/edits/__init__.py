"""Edits: changes to a live response, as values, and the stream that they make.

A stream with edits is still a function of elapsed time: each edit keeps all that was due when it was made,
and changes what comes after it. What is held is due never, which is a moment like any other. Edits name
events by their place among the stream's events, so they mean the same for all views of one run.
"""

from respool.play.edits.changing import Comment, Insert, Replace
from respool.play.edits.edited_stream import ENDINGS, NEVER, Edit, EditedStream, EditTime, Ending, MadeEdit
from respool.play.edits.ending import CANCELLED, Cancel, Finish, Steer
from respool.play.edits.holding import Hold, Postpone, Release

__all__ = [
    "CANCELLED",
    "ENDINGS",
    "NEVER",
    "Cancel",
    "Comment",
    "Edit",
    "EditTime",
    "EditedStream",
    "Ending",
    "Finish",
    "Hold",
    "Insert",
    "MadeEdit",
    "Postpone",
    "Release",
    "Replace",
    "Steer",
]
