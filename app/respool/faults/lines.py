"""What faults share that change the lines of events."""

from collections.abc import Callable

from respool.faults.frame import Frame


def each_line(change: Callable[[bytes], bytes]) -> Callable[[bytes, Frame], bytes]:
    """A change of frames by one of their field lines, each without its line end; an empty one goes.

    It leaves line ends as they are, also those that another fault has made.
    """

    def of_frame(data: bytes, frame: Frame) -> bytes:
        parts = []
        for line in data.splitlines(keepends=True):
            field = line.rstrip(b"\r\n")
            changed = change(field) if field else field
            if changed or not field:
                parts.append(changed + line[len(field) :])
        return b"".join(parts)

    return of_frame


def line_end(data: bytes) -> bytes:
    """The line end with which these lines are written."""
    return next((end for end in (b"\r\n", b"\n", b"\r") if end in data), b"\n")
