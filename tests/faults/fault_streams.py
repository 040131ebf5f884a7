"""What tests of faults need: a sound answer as frames, and what a fault makes of it, as short lists."""

from collections.abc import Iterable, Sequence
from random import Random

from respool.faults import Fault
from respool.faults.frame import Action, Frame, Head
from respool.protocol import sse
from respool.protocol.event_frames import SSE_DONE, encode_sse
from respool.protocol.events import Event

EVENTS = (
    '{"type":"response.created","response":{"id":"resp_1","output":[],"status":"in_progress"},"sequence_number":0}',
    '{"type":"response.in_progress","response":{"id":"resp_1","output":[]},"sequence_number":1}',
    '{"type":"response.output_text.delta","delta":"Hé","sequence_number":2}',
    '{"type":"response.output_text.delta","delta":"llo","sequence_number":3}',
    '{"type":"response.completed","response":{"id":"resp_1","usage":{"total_tokens":7}},"sequence_number":4}',
)
STREAM_HEADERS = {"content-type": "text/event-stream; charset=utf-8", "openai-version": "2020-10-01"}


def make_stream(texts: Iterable[str] = EVENTS, gap: float = 1.0, done: bool = False) -> list[Frame]:
    """The head at once, an event each `gap` seconds, and the end with the last."""
    frames = [Frame(0.0, head=Head(200, STREAM_HEADERS))]
    for number, text in enumerate(texts, start=1):
        event = Event.parse(text)
        frames.append(Frame(number * gap, encode_sse(event), event=event))
    if done:
        frames.append(Frame(frames[-1].at, SSE_DONE))
    return [*frames, Frame(frames[-1].at, action=Action.CLOSE)]


def make_body(body: bytes = b'{"id":"resp_1"}', at: float = 5.0) -> list[Frame]:
    """An answer without stream."""
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    head = Head(200, headers, stream=False)
    return [Frame(at, head=head), Frame(at, body), Frame(at, action=Action.CLOSE)]


def timeline(frames: Iterable[Frame]) -> list[tuple[float, object]]:
    """Return the moment of each frame with its status, its data, or the action that ends the answer."""
    parts: list[tuple[float, object]] = []
    for frame in frames:
        if frame.head:
            parts.append((frame.at, frame.head.status))
        if frame.data:
            parts.append((frame.at, frame.data))
        if frame.action is not Action.SEND:
            parts.append((frame.at, frame.action))
    return parts


def numbers(frames: Iterable[Frame]) -> list[object]:
    """The sequence numbers that a client reads."""
    return [event.sequence_number for event in events(frames)]


def events(frames: Iterable[Frame]) -> list[Event]:
    """The events that a client reads."""
    data = b"".join(frame.data for frame in frames)
    return [Event.parse(message.data) for message in sse.decode(data) if message.data != sse.DONE]


def moments(frames: Iterable[Frame]) -> list[float]:
    """When each frame is due."""
    return [frame.at for frame in frames]


def run(fault: Fault, frames: Sequence[Frame] | None = None, seed: int = 0) -> list[Frame]:
    """The frames with one fault; of a short stream if none are given."""
    return list(fault.apply(make_stream() if frames is None else frames, Random(seed)))
