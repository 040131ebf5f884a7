"""Answers to steers and injects, which are frames about a running response, and the actions after a steered
response."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from respool.errors import printable
from respool.play.connection_memory import ConnectionMemory
from respool.play.lanes import Lane, Run
from respool.play.socket_actions import Action, Cut, Send, StartTurn
from respool.play.steering import (
    AcceptedSteer,
    WaitingSteers,
    input_list,
    output_of,
    place_to_cut,
    required_input,
    steered_text,
)
from respool.protocol.websocket import server_frames
from respool.protocol.websocket.client_frames import Create, Inject, Steer
from respool.protocol.websocket.steers import SUCCESSOR_FAILED, SteerAt

# Code and message.
NOT_FOUND = "response_not_found", "The response is not known."
SUPERSEDED = "response_not_active", "Another response was created instead of the one that was waited for."
FAILED = "response_not_active", "The response has failed."
_BY_RULE = "The recording says that a steer fails here."


def steer_refusal(
    frame: Steer, run: Run | None, ended: Mapping[str, str], most: int
) -> tuple[str, str] | None:
    """Return code and message of the reason to refuse a steer; None: accept it.

    `run` is the response that it names, `ended` has the status of ended responses, `most` is the limit of
    waiting steers. Codes are the service's; the messages are ours.
    """
    shown = printable(frame.previous_response_id)
    if frame.problem:
        return "invalid_input", f"Invalid steer: {printable(frame.problem)}."
    if run is None:
        status = ended.get(frame.previous_response_id)
        if status is None:
            return "response_not_found", f"Response with id '{shown}' not found."
        if status == "failed":
            return "response_not_active", f"Response '{shown}' is not active: it has failed."
        return "response_already_completed", f"Response '{shown}' has already ended."
    if run.rule.code and run.rule.code != SUCCESSOR_FAILED:
        return run.rule.code, run.rule.message or _BY_RULE
    if reason := _not_steerable(run):
        return "steering_not_supported", f"Response '{shown}' cannot be steered: {reason}."
    if len(run.steers) >= most:
        return "too_many_pending_steers", f"Response '{shown}' has {most} pending steers already."
    return None


def _not_steerable(run: Run) -> str | None:
    body = run.start.body
    if run.steer_at is SteerAt.REFUSED:
        return "its model does not support steering"
    if body.get("conversation"):
        return "it belongs to a conversation"
    if body.get("context_management"):
        return "its context is compacted automatically"
    return None


def refused_steer(frame: Steer, lane: Lane | None, refusal: tuple[str, str]) -> Send:
    """Return the answer to a refused steer whose response runs on `lane`."""
    number, name = 0, None
    if lane is not None and lane.run is not None:
        number, name = lane.run.next_number, lane.name
        lane.run.added += 1
    code, message = refusal
    previous = frame.previous_response_id
    return Send(server_frames.steer_failed(code, message, previous, frame.input, number, name), name)


def accepted_steer(steer: AcceptedSteer, lane: Lane, run: Run) -> Send:
    """Queue a steer until the end of its response, and return the answer to it."""
    text = server_frames.steer_accepted(steer.id, run.turn.id, run.next_number, lane.name)
    run.steers.append(steer)
    run.added += 1
    return Send(text, lane.name)


def failed_steers(lane: Lane, steers: WaitingSteers, code: str, message: str) -> Iterator[Send]:
    """Yield the frames for steers that were accepted, and then failed."""
    for number, steer in enumerate(steers.steers, steers.number):
        text = server_frames.steer_failed(
            code, message, steers.response_id, steer.input, number, lane.name, steer.id
        )
        yield Send(text, lane.name)


def cuts_now(run: Run) -> bool:
    """Note where an accepted steer ends a response. Return whether it ends at once."""
    events = run.turn.events
    if run.steer_at is SteerAt.NEXT_ITEM_DONE:
        run.cut_after = place_to_cut(events, run.sent, run.turn.frames.end)
    return run.steer_at is SteerAt.IMMEDIATE and not required_input(output_of(events[: run.sent]))


def cut_actions(lane: Lane, run: Run) -> tuple[Action, Action]:
    """End a steered response here. Return the frame to send, and the cut for the journal."""
    number = run.next_number if run.numbered else None
    text = steered_text(run.turn.events[: run.sent], number)
    run.added += 1
    sent = Send(server_frames.with_stream_id(text, lane.name), lane.name)
    return sent, Cut(run.turn, text, run.sent)


def with_waiting_steers(lane: Lane, create: Create) -> tuple[Mapping[str, Any], Sequence[Send]]:
    """Return the body of a create, with the steers that wait for it in its input; and the frames about steers
    that waited for another create."""
    steers = lane.waiting
    if not steers or not create.generate or create.error:  # a warm-up leaves them where they are
        return create.body, ()
    lane.waiting = None
    if create.previous_response_id != steers.response_id:
        return create.body, [*failed_steers(lane, steers, *SUPERSEDED)]
    lane.carried = steers
    return {**create.body, "input": [*steers.items, *input_list(create.body.get("input"))]}, ()


def after_steered(lane: Lane, run: Run, status: str, memory: ConnectionMemory) -> list[Action]:
    """Return the actions after the end of a response with accepted steers: start its successor, or ask the
    client for what it must send first, if the response has called the client's tools."""
    steers = WaitingSteers(run.turn.id, tuple(run.steers), run.next_number)
    if status == "failed":
        return [*failed_steers(lane, steers, *FAILED)]
    if run.rule.code == SUCCESSOR_FAILED:
        return [*failed_steers(lane, steers, run.rule.code, run.rule.message or _BY_RULE)]
    required = required_input(output_of(run.turn.events[: run.sent])) if status == "completed" else []
    if not required:
        lane.carried, lane.starting = steers, _successor(lane, run, steers, memory)
        return [lane.starting]
    lane.waiting = steers
    if any(create.previous_response_id == run.turn.id for _, create in lane.queue):
        return []  # the client has already sent the required input
    lane.waiting = WaitingSteers(run.turn.id, steers.steers, steers.number + len(steers.steers))
    return [
        Send(server_frames.steer_pending(steer.id, run.turn.id, required, number, lane.name), lane.name)
        for number, steer in enumerate(steers.steers, steers.number)
    ]


def _successor(lane: Lane, run: Run, steers: WaitingSteers, memory: ConnectionMemory) -> StartTurn:
    known = memory.find(run.turn.id, lane.name)
    return StartTurn(
        lane.name,
        {**run.start.body, "input": steers.items, "previous_response_id": run.turn.id},
        run.start.size,
        lineage=memory.lineage(known) if known else (),
        steers=steers.ids,
        successor=True,
        rule=run.rule,
    )


def inject_answer(frame: Inject, lane: Lane | None, ended: Mapping[str, str]) -> str:
    """Return the answer to ``response.inject``; `lane` is where the response runs, if it does."""
    if lane is not None and lane.run is not None:
        number = lane.run.next_number
        lane.run.added += 1
        return server_frames.inject_created(frame.response_id, number, lane.name)
    shown = printable(frame.response_id)
    code, message = (
        ("response_already_completed", f"Response '{shown}' has already ended.")
        if frame.response_id in ended
        else ("response_not_found", f"Response with id '{shown}' not found.")
    )
    return server_frames.inject_failed(frame.response_id, frame.input, code, message, 0, None)
