"""RespoolTestCase: what the fixture `respool` is for pytest, for unittest."""

import atexit
import os
import unittest
from collections.abc import Sequence
from typing import ClassVar
from unittest import mock

from respool.mock_session import MockSession, ServerPool, read_speed

__all__ = ["RespoolTestCase"]

_pool = ServerPool()  # one for the process: each server starts when the first test needs it
atexit.register(_pool.close)


class RespoolTestCase(unittest.TestCase):
    """A test case with a session of its own, `self.respool`, in each test.

    respool_fixtures  folders and files of recordings
    respool_play      the recording that answers requests without a name
    respool_speed     ``instant``, or a factor: 1 is as recorded
    respool_strict    what fails a test that leaves it behind: off, unmatched (requests) or all (also turns
                      that were never played)
    respool_env       set OPENAI_BASE_URL and OPENAI_API_KEY
    """

    respool_fixtures: ClassVar[str | os.PathLike[str] | Sequence[str | os.PathLike[str]]] = ()
    respool_play: ClassVar[str | None] = None
    respool_speed: ClassVar[str | float] = "instant"
    respool_strict: ClassVar[str] = "unmatched"
    respool_env: ClassVar[bool] = False

    respool: MockSession

    def setUp(self) -> None:
        super().setUp()
        paths = self.respool_fixtures
        if isinstance(paths, str | os.PathLike):
            paths = [paths]
        self.respool = self.enterContext(_pool.session(paths, read_speed(self.respool_speed), self.id()))
        self.addCleanup(self._check)
        if self.respool_play is not None:
            self.respool.play(self.respool_play)
        if self.respool_env:
            self.enterContext(mock.patch.dict(os.environ, self.respool.env))

    def _check(self) -> None:
        if complaint := self.respool.complaint(self.respool_strict):
            self.fail(complaint)
