"""Session logs of Codex (``rollout-*.jsonl``): the model's answers, as turns with made-up streams.

A log holds the items that were sent and received, but no events. It is read only if it has the name that
Codex gives it, or if the user converts it to a Script; otherwise it is no recording.
Source: the lines that Codex writes: timestamp, type, payload.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from respool.errors import NotARecording
from respool.protocol.event_types import ITEM_TYPES
from respool.protocol.events import loads
from respool.recordings.formats import moments
from respool.recordings.formats.turn_builder import OnDamage, TurnBuilder, refuse
from respool.recordings.recording import FORMAT_VERSION, Header, Recording

SUFFIXES: tuple[str, ...] = ()

_LINE = re.compile(rb'"type"\s*:\s*"(?:session_meta|response_item|turn_context)"')
_NAMED = re.compile(r"(?:^|[/\\])rollout-[^/\\]*\.jsonl(?:\.gz)?$")
_MOST_FULL_INPUTS = 100  # turns; with more, a request holds only the last items before it
_NOTE = "made from a session log of Codex, which holds no events"


def sniff(data: bytes) -> bool:
    """Return False: the content alone does not show that a log is meant to be played."""
    return False


def is_named_so(path: str) -> bool:
    """Return True if a file is named as Codex names its logs."""
    return bool(_NAMED.search(path))


def is_session(data: bytes) -> bool:
    """Return True if a file is a session log of Codex."""
    return bool(_LINE.search(data[:65536])) and b'"payload"' in data[:65536]


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Return the answers of the model: one turn for the output between two items of the client."""
    from respool.scripts.unsynth.from_answer import events_of  # late, since few have such logs

    builder = TurnBuilder(name)
    turns = list(_turns(data))
    if not turns:
        raise NotARecording("a session log of Codex in which no model answers", path)
    for number, (request, output, metadata) in enumerate(turns):
        before = request if len(turns) <= _MOST_FULL_INPUTS else request[-50:]
        before = json.loads(json.dumps(before))  # a copy for each turn, so that YAML writes no aliases
        request_fields = {**metadata.get("request", {}), "input": before, "stream": True}
        fields = {
            "respool": FORMAT_VERSION,
            "request": request_fields,
            "recorded": metadata.get("at"),
            "note": _NOTE,
        }
        builder.end()
        builder.begin(Header({key: value for key, value in fields.items() if value is not None}))
        for event in events_of(_response(output, metadata, f"{name}:{number}")) or ():
            builder.event((None, event.text, event.type, None), None)
    builder.end()
    return builder.finish()


def _turns(data: bytes) -> Iterator[tuple[list[Any], list[dict[str, Any]], dict[str, Any]]]:
    """Yield the input, the output and the metadata of each answer: ``request``, ``usage``, ``at``."""
    known: list[Any] = []
    output: list[dict[str, Any]] = []
    metadata: dict[str, Any] = {"request": {}}
    for line in data.split(b"\n"):
        try:
            value = loads(line) if line.strip() else None
        except ValueError:
            continue  # the last line of a log that is being written
        if not isinstance(value, dict) or not isinstance(payload := value.get("payload"), dict):
            continue
        match value.get("type"):
            case "turn_context" if isinstance(payload.get("model"), str):
                metadata["request"] = {"model": payload["model"]}
            case "event_msg" if payload.get("type") == "token_count" and output:
                metadata["usage"] = payload.get("info")
            case "response_item":
                if _is_output(payload):
                    metadata.setdefault("at", value.get("timestamp"))
                    output.append(payload)
                    continue
                if output:
                    yield [*known], output, metadata
                    known, output, metadata = [*known, *output], [], {"request": metadata["request"]}
                known.append(payload)
    if output:
        yield known, output, metadata


def _is_output(item: Mapping[str, Any]) -> bool:
    type_ = item.get("type")
    if type_ == "message":
        return item.get("role") == "assistant"
    return isinstance(type_, str) and type_ in ITEM_TYPES and not type_.endswith("_output")


def _response(output: list[dict[str, Any]], metadata: Mapping[str, Any], seed: str) -> dict[str, Any]:
    from respool.protocol.response import CREATED_AT, USUAL, usage_of

    at = moments.seconds(metadata.get("at"))
    items = [_item(item, f"{seed}:{place}") for place, item in enumerate(output)]
    usage = None
    spent = metadata.get("usage")
    last = spent.get("last_token_usage") if isinstance(spent, dict) else None
    if isinstance(last, dict):
        numbers = {key: value for key, value in last.items() if type(value) is int}
        usage = usage_of(
            numbers.get("input_tokens", 0),
            numbers.get("output_tokens", 0),
            numbers.get("reasoning_output_tokens", 0),
            {"input_tokens_details": {"cached_tokens": numbers.get("cached_input_tokens", 0)}},
        )
    return {
        "id": f"resp_{_digits(seed)}",
        "object": "response",
        "created_at": CREATED_AT if at is None else int(at),
        **{key: value for key, value in USUAL.items() if key != "object"},
        **metadata.get("request", {}),
        "status": "completed",
        "service_tier": "default",
        "output": items,
        "usage": usage,
    }


def _item(item: Mapping[str, Any], seed: str) -> dict[str, Any]:
    """Return an item with the id and the status that the log leaves out."""
    known = ITEM_TYPES.get(str(item.get("type")))
    prefix = (known and known.prefix) or "item_"
    status = {"status": "completed"} if item.get("type") != "reasoning" else {}
    fields = {key: value for key, value in item.items() if value is not None}
    return json.loads(json.dumps({"id": f"{prefix}{_digits(seed)}", **status, **fields}))  # type: ignore[no-any-return]


def _digits(seed: str) -> str:
    return hashlib.sha256(seed.encode(errors="replace")).hexdigest()[:50]
