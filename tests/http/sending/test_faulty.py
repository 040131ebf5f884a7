import asyncio
import json
import logging
import math
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from respool.faults import Abort, ActiveFault, Close, Fault, Latency, Slicer, Stall, Status, parse
from respool.faults.frame import Frame
from respool.http import create_app
from respool.http.sending import faulty
from respool.http.sending.faulty import accepted_codings
from respool.play.clock import ManualClock
from respool.play.pace import Pace
from respool.protocol.event_frames import encode_sse
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.testing import running_server

Make = Callable[..., Recording]
Serve = Callable[..., MockServer]
Call = Callable[..., Any]
Settle = Callable[[], Any]

STREAM = {"model": "a", "stream": True}
INSTANT = Pace(speed=math.inf)


def frames(recording: Recording) -> list[bytes]:
    return [encode_sse(timed.event) for timed in recording.events]


def asking(text: str) -> list[tuple[str, str]]:
    return [("x-respool-fault", text)]


async def test_without_faults_an_answer_goes_the_usual_way(
    server: Serve, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise AssertionError("it was taken apart")

    monkeypatch.setattr(faulty, "frames_of", fail)
    monkeypatch.setattr(MockServer, "draw_faults", fail)
    serving = server(pace=INSTANT)
    for body in (STREAM, {"model": "a"}):
        answer = call(serving, body=body)
        await answer.task
        assert answer.complete
    (first, second) = serving.journal
    assert first.faults == second.faults == ()


@pytest.mark.parametrize("body", [STREAM, {"model": "a"}])
async def test_a_head_is_the_same_with_faults_that_do_not_change_it(
    body: object, server: Serve, call: Call
) -> None:
    serving = server(pace=INSTANT)
    sound, faulted = call(serving, body=body), call(serving, body=body, headers=asking("latency(seconds=0)"))
    await sound.task
    await faulted.task
    ids = [answer.headers.pop("x-request-id") for answer in (sound, faulted)]
    assert ids[0] != ids[1]
    assert (sound.status, sound.headers | {"x-request-id": ""}) == (
        faulted.status,
        faulted.headers | {"x-request-id": ""},
    )
    assert sound.body == faulted.body


async def test_frames_leave_at_their_moments_and_what_is_due_in_one_write(
    server: Serve, recording: Make, call: Call, settle: Settle
) -> None:
    clock = ManualClock(1000.0)
    stream = call(server(clock=clock, faults=[Latency(seconds=2)]), body=STREAM)
    whole = frames(recording())
    await settle()
    for elapsed, writes in ((1.9, None), (2.9, []), (3, whole[:1]), (4.5, [whole[0], whole[1] + whole[2]])):
        clock.advance(1000 + elapsed - clock.now())
        await settle()
        assert (stream.writes if stream.sent else None) == writes
    clock.advance(1)
    await stream.task
    assert stream.writes == [whole[0], whole[1] + whole[2], whole[3]]
    assert stream.complete


async def test_each_slice_is_a_message_of_its_own(server: Serve, recording: Make, call: Call) -> None:
    stream = call(server(pace=INSTANT, faults=[Slicer(size=7)]), body=STREAM)
    await stream.task
    expected = [frame[at : at + 7] for frame in frames(recording()) for at in range(0, len(frame), 7)]
    assert stream.writes == expected
    assert stream.complete


async def test_a_large_burst_leaves_in_writes_of_up_to_64_kib(
    server: Serve, recording: Make, call: Call
) -> None:
    recorded = recording("a", [(0.0, "response.x", {"d": "x" * 30_000})] * 9)
    stream = call(server(recorded, faults=[Latency(seconds=0)]), body=STREAM)
    await stream.task
    assert stream.body == b"".join(frames(recorded))
    assert [len(write) for write in stream.writes[:-1]] == [2 * len(frames(recorded)[0])] * 4


async def test_a_stall_is_one_timer_and_a_client_that_leaves_ends_it_at_once(
    server: Serve, call: Call, settle: Settle
) -> None:
    clock = ManualClock()
    serving = server(clock=clock, faults=[Stall(after=1)])
    stream = call(serving, body=STREAM)
    await settle()
    clock.advance(1000)
    await settle()
    assert (len(stream.writes), clock.sleepers) == (1, 1)
    stream.leave()
    await settle()
    assert stream.task.done()
    assert (clock.sleepers, stream.complete) == (0, False)
    (exchange,) = serving.journal
    assert (exchange.events, exchange.ended, exchange.faults) == (1, "client left", ("stall(after=1)",))


async def test_a_client_that_does_not_read_makes_no_more_frames(
    server: Serve, call: Call, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = count()

    def endless(frames: Iterator[Frame], drawn: list[ActiveFault]) -> Iterator[Frame]:
        yield next(iter(frames))
        for number in made:
            yield Frame(0.0, b"%d\n" % number, alone=True)

    monkeypatch.setattr(faulty, "apply", endless)
    stream = call(server(faults=[Slicer()]), body=STREAM)
    stream.room = asyncio.Semaphore(5)
    await settle()
    assert len(stream.writes) < 10
    assert next(made) < 10
    stream.leave()
    for _ in range(9):
        stream.room.release()
    await stream.task


async def test_a_client_that_leaves_while_frames_are_due_ends_the_answer(
    server: Serve, call: Call, settle: Settle
) -> None:
    class Leaving(call):  # type: ignore[misc,valid-type]
        async def _send(self, message: Any) -> None:
            await super()._send(message)
            if len(self.writes) == 3:
                self.leave()

    serving = server(pace=INSTANT, faults=[Slicer()])
    stream = Leaving(serving, body=STREAM)
    await stream.task
    assert 3 <= len(stream.writes) < 10
    assert [exchange.ended for exchange in serving.journal] == ["client left"]


@pytest.mark.parametrize("text", ["abort(after=1)", "cut(after=1)", "reset_peer(after=1)"])
async def test_below_another_server_an_answer_that_breaks_off_is_incomplete(
    text: str, server: Serve, recording: Make, call: Call
) -> None:
    serving = server(pace=INSTANT, faults=parse(text))
    stream = call(serving, body=STREAM)
    await stream.task
    assert (stream.writes, stream.complete) == (frames(recording())[:1], False)
    (exchange,) = serving.journal
    assert (exchange.events, exchange.ended) == (1, "cut by the server")


async def test_below_another_server_a_refused_connection_has_no_answer(server: Serve, call: Call) -> None:
    stream = call(server(faults=parse("refuse")), body=STREAM)
    await stream.task
    assert stream.sent == []


async def test_faults_of_the_recording_come_before_those_of_the_server_and_of_the_request(
    server: Serve, recording: Make, call: Call
) -> None:
    recorded = recording("a", faults=[{"fault": "drop", "at": 1}])
    serving = server(recorded, pace=INSTANT, faults=parse("drop(at=2)"))
    stream = call(serving, body=STREAM, headers=asking("duplicate(at=1)"))
    await stream.task
    left = frames(recorded)[1]  # one of four is dropped, then the second of three, and two are left
    last = frames(recorded)[3]
    assert stream.body == left + left + last
    assert [exchange.faults for exchange in serving.journal] == [
        ("drop(at=1)", "drop(at=2)", "duplicate(at=1)")
    ]


async def test_several_headers_ask_for_several_faults(server: Serve, call: Call) -> None:
    serving = server(pace=INSTANT)
    sent_as_utf_8 = 'comments(text="é"); done'.encode().decode("latin-1")
    await call(serving, body=STREAM, headers=[*asking("bom"), *asking(sent_as_utf_8)]).task
    (exchange,) = serving.journal
    assert exchange.faults == ("bom", 'comments(text="é")', "done")


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ("bom;" * 1100, "more than 32 faults: an answer takes no more; leave some out"),
        (
            "stall(seconds=" + "1" * 20_000 + "x)",
            "the faults are 20016 characters long, expected no more than 8192",
        ),
    ],
    ids=["many", "long"],
)
async def test_too_many_faults_are_refused(faults: str, said: str, server: Serve, call: Call) -> None:
    answer = call(server(), body=STREAM, headers=asking(faults))
    await answer.task
    assert answer.status == 400
    assert answer.json["error"]["message"] == f"The header x-respool-fault: {said}"
    assert answer.json["error"]["code"] == "invalid_fault"


async def test_a_fault_that_is_not_understood_is_refused(server: Serve, call: Call) -> None:
    answer = call(server(), body=STREAM, headers=asking("abort(aftr=5)"))
    await answer.task
    assert answer.status == 400
    assert answer.json["error"] == {
        "message": "The header x-respool-fault: fault abort has no option aftr: "
        "expected one of after, probability, times; did you mean after?",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_fault",
    }


async def test_a_server_may_take_no_faults_from_requests(server: Serve, call: Call) -> None:
    app = create_app(server(pace=INSTANT), request_faults=False)
    refused, sound = call(app, body=STREAM, headers=asking("abort")), call(app, body=STREAM)
    await refused.task
    await sound.task
    assert (refused.status, refused.json["error"]["code"]) == (400, "faults_not_allowed")
    assert "--no-request-faults" in refused.json["error"]["message"]
    assert sound.complete


async def test_the_first_requests_fail_and_then_it_works(server: Serve, call: Call) -> None:
    serving = server(pace=INSTANT, faults=[Status(code=503, times=2)])
    statuses = []
    for _ in range(4):
        answer = call(serving, body=STREAM)
        await answer.task
        statuses.append(answer.status)
    assert statuses == [503, 503, 200, 200]
    serving.faults = [Status(code=503, times=1)]  # type: ignore[assignment]
    answer = call(serving, body=STREAM)
    await answer.task
    assert answer.status == 503


async def test_an_error_comes_at_once_also_in_place_of_an_answer_that_comes_late(
    server: Serve, call: Call
) -> None:
    answer = call(server(faults=[Status(code=401)]), body={"model": "a"})
    await answer.task
    assert (answer.status, answer.json["error"]["code"]) == (401, "invalid_api_key")


async def test_an_answer_without_stream_is_late_and_then_cut(
    server: Serve, call: Call, settle: Settle
) -> None:
    clock = ManualClock()
    answer = call(server(clock=clock, faults=[Close(after="5b"), Latency(seconds=1)]), body={"model": "a"})
    await settle()
    clock.advance(3.9)
    await settle()
    assert answer.sent == []
    clock.advance(0.1)
    await answer.task
    assert (answer.body, answer.headers["content-length"], answer.complete) == (b'{"id"', "5", True)


async def test_faults_happen_to_the_error_of_a_recording_without_answer(
    server: Serve, recording: Make, call: Call
) -> None:
    cut = recording("a", [(0.0, "response.created")])
    sound, slow = server(cut), server(cut, faults=[Abort(after="5b")])
    answers = [call(serving, body={"model": "a"}) for serving in (sound, slow)]
    for answer in answers:
        await answer.task
    assert [answer.status for answer in answers] == [500, 500]
    assert (answers[1].body, answers[1].complete) == (answers[0].body[:5], False)


async def test_a_client_that_leaves_a_faulted_answer_ends_its_response(
    server: Serve, call: Call, settle: Settle
) -> None:
    serving = server(faults=[Stall(after=1)], clock=ManualClock())
    for stream in (True, False):
        answer = call(serving, body={"model": "a", "stream": stream})
        await settle()
        assert serving.history.get("resp_1") is not None
        answer.leave()
        await settle()
        assert serving.history.get("resp_1") is None


async def test_faults_happen_to_an_answer_in_the_background(server: Serve, call: Call) -> None:
    serving = server(faults=[Close(after="5b")], clock=ManualClock())
    answer = call(serving, body={"model": "a", "background": True})
    await answer.task
    assert (answer.status, len(answer.body), answer.complete) == (200, 5, True)
    assert serving.retrieve("resp_1").background


async def test_faults_happen_to_a_recorded_error(server: Serve, recording: Make, call: Call) -> None:
    recorded = recording("a", [], status=429, body={"error": {"code": "x"}}, headers={"retry-after": "1"})
    answer = call(server(recorded, faults=[Close(after="9b")]), body=STREAM)
    await answer.task
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (429, b'{"error":', "1")


@pytest.mark.parametrize(
    ("accepted", "coding"), [("gzip, br", "gzip"), ("br", None), ("gzip;q=0", None), (None, None)]
)
async def test_a_body_is_compressed_if_the_client_accepts_it(
    accepted: str | None, coding: str | None, server: Serve, recording: Make, call: Call
) -> None:
    headers = [*asking("gzip"), *([("accept-encoding", accepted)] if accepted else [])]
    stream = call(server(pace=INSTANT), body=STREAM, headers=headers)
    await stream.task
    assert stream.headers.get("content-encoding") == coding
    body = zlib.decompress(stream.body, 31) if coding else stream.body
    assert body == b"".join(frames(recording()))


@pytest.mark.parametrize(
    ("header", "codings"),
    [
        ("", {""}),
        ("gzip", {"gzip"}),
        ("gzip;q=1.0, *;q=0, br; q=0.5", {"gzip", "br"}),
        ("GZIP ; q=0.000", set()),
    ],
)
def test_the_codings_that_a_client_accepts(header: str, codings: set[str]) -> None:
    assert accepted_codings(header) == codings


async def test_a_fault_shows_in_the_log(server: Serve, call: Call, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "respool.requests")
    await call(server(pace=INSTANT, faults=[Close(after=1)]), body=STREAM).task
    assert caplog.messages == ["POST /v1/responses 200 a 1 events 0.000s [close(after=1)]"]


@pytest.mark.parametrize("fault", [Abort(after=1), Stall(after=1)], ids=str)
async def test_a_request_that_the_server_cancels_leaves_nothing_behind(
    fault: Fault, server: Serve, call: Call, settle: Settle
) -> None:
    clock = ManualClock()
    stream = call(server(clock=clock, faults=[fault]), body=STREAM)
    await settle()
    assert clock.sleepers == 1
    stream.task.cancel()
    await settle()
    assert clock.sleepers == 0
    left = {getattr(task.get_coro(), "__name__", "") for task in asyncio.all_tasks()}
    assert "_watch" not in left


def test_a_bad_fault_in_a_header_line_refuses_that_recording_with_its_place(
    server: Serve, recording: Make, tmp_path: Any
) -> None:
    (tmp_path / "bad.jsonl").write_text(json.dumps({"respool": 1, "faults": ["abrt"]}) + "\n")
    serving = server(recording())
    (refused,) = serving.store.refused
    assert str(refused.error) == (
        f'{tmp_path / "bad.jsonl"}:1: the header\'s "faults": no fault is named abrt: did you mean abort?'
    )
    assert serving.store.names == ["a"]


@pytest.mark.parametrize("text", ["abort(after=1)", "cut(after=1)", "reset_peer(after=1)"])
def test_a_client_that_leaves_just_before_is_no_internal_error(
    text: str,
    recording: Make,
    store: Callable[..., Store],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    wait_for: Any,
) -> None:
    store(recording())
    body = b'{"model":"m","stream":true}'
    request = (
        b"POST /v1/responses HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    )
    with running_server(tmp_path, pace=INSTANT, faults=parse(text)) as running:
        port = int(running.url.rpartition(":")[2])
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", port)) as sock:
                sock.sendall(request)
                sock.recv(20)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wait_for(running, lambda: all(exchange.seconds is not None for exchange in running.server.journal))
    assert "internal error" not in caplog.text
