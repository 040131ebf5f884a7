"""Fixtures of other mock servers, as Scripts: those of aimock (JSON) and of llmposter (YAML).

Both list the answers to messages. Each answer is a turn: its text, reasoning, calls, error, times. Of their
matchers only text and model are converted. Sources: the documentation of both.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from respool.errors import Effect, NotARecording, RecordingError
from respool.protocol.events import compact_recorded
from respool.recordings.formats import container
from respool.recordings.formats.turn_builder import OnDamage, refuse
from respool.recordings.recording import Recording

SUFFIXES: tuple[str, ...] = ()

_FIXTURES = re.compile(rb'(?:^|[{,\s])"?fixtures"?\s*:')
_ANSWER = re.compile(rb'(?:^|[{,\s-])"?(?:response|error|refusal)"?\s*:')
_CONTENT = re.compile(rb'(?:^|[{,\s])"?(?:content|toolCalls|tool_calls|blocks|error|refusal|reasoning)"?\s*:')
_TOKENS_RAN_OUT = ("length", "max_tokens", "max_output_tokens", "MAX_TOKENS", "incomplete")


def sniff(data: bytes) -> bool:
    """Return True if it is a JSON or YAML document with such a list."""
    head = data[:65536]
    marks = (_FIXTURES, _ANSWER, _CONTENT)
    return all(mark.search(head) for mark in marks) and container.looks_like_a_document(head)


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Return the answers of models as turns. Skip other fixtures, and report their number."""
    from respool import scripts  # late, since few have such files
    from respool.recordings.formats import script_file

    value = container.parse(data.decode(errors="replace"), path).value
    listed = value.get("fixtures") if isinstance(value, dict) else None
    if not isinstance(listed, list):
        return container.read(data, name, path, on_damage)
    turns = []
    for fixture in listed:
        turn = _turn(fixture) if isinstance(fixture, dict) else None
        try:
            if turn is not None:
                scripts.read({"turns": [turn]})
                turns.append(turn)
        except scripts.ScriptError:
            continue
    if not turns:
        raise NotARecording("fixtures of a mock server, without an answer of a model", path)
    if len(turns) < len(listed):
        cause = f"{len(listed) - len(turns)} of {len(listed)} fixtures hold no answer of a model"
        on_damage(RecordingError(cause, path, effect=Effect.SKIPPED))

    def damage(error: scripts.ScriptError) -> None:
        on_damage(RecordingError(error.cause, path))

    return script_file.expand(scripts.read({"turns": turns}), name, damage)


def _turn(fixture: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the turn of a Script, as plain data; None for what is no answer of a model."""
    turn: dict[str, Any] = {}
    if request := _request(_part(fixture, "match")):
        turn["request"] = request
    answer, error = _part(fixture, "response"), fixture.get("error")
    if isinstance(answer.get("error"), dict):
        error = {"status": answer.get("status") or 500, **answer["error"]}
    if isinstance(error, dict):
        status = error.get("status")
        fields = {key: error[key] for key in ("message", "type", "code") if isinstance(error.get(key), str)}
        return {**turn, "status": status if type(status) is int else 500, "error": fields}
    output = list(_steps(answer))
    refusal = fixture.get("refusal")
    if isinstance(refusal, dict) and isinstance(refusal.get("reason"), str):
        output.append({"refusal": refusal["reason"]})
    if not output:
        return None
    turn["output"] = output
    if (
        str(answer.get("stop_reason") or answer.get("finish_reason") or answer.get("finishReason"))
        in _TOKENS_RAN_OUT
    ):
        turn["end"] = {"incomplete": "max_output_tokens"}
    if isinstance(answer.get("model"), str):
        turn["model"] = answer["model"]
    return {**turn, **_streaming(fixture)}


def _part(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def _request(match: Mapping[str, Any]) -> dict[str, Any]:
    texts = {"input": match.get("userMessage", match.get("user_message")), "model": match.get("model")}
    return {name: text for name, text in texts.items() if isinstance(text, str) and text}


def _steps(answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if isinstance(answer.get("reasoning"), str):
        yield {"reasoning": answer["reasoning"]}
    searches = answer.get("webSearches")
    for query in searches if isinstance(searches, list) else ():
        if isinstance(query, str):
            yield {"web_search_call": {"query": query}}
    blocks = answer.get("blocks")
    for block in blocks if isinstance(blocks, list) else ():
        if isinstance(block, dict):
            yield from _block(block)
    content = answer.get("content")
    if isinstance(content, dict):  # which is meant as JSON
        content = compact_recorded(content)
    if content and isinstance(content, str):
        yield {"message": {"text": content}}
    calls = answer.get("toolCalls", answer.get("tool_calls"))
    for call in calls if isinstance(calls, list) else ():
        yield from _call(call)


def _block(block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    match block:
        case {"type": "text", "text": str(text)}:
            yield {"message": {"text": text}}
        case {"type": "reasoning", "text": str(text)}:
            yield {"reasoning": text}
        case {"type": "toolCall" | "tool_call"}:
            yield from _call(block)


def _call(call: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return
    arguments = call.get("arguments", {})
    fields = {"name": call["name"], "arguments": arguments if isinstance(arguments, str | dict) else {}}
    yield {
        "function_call": {**fields, **({"call_id": call["id"]} if isinstance(call.get("id"), str) else {})}
    }


def _streaming(fixture: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Script's ``deltas``, ``pace`` and ``end``. The fixtures' times are milliseconds."""
    streaming, failure = _part(fixture, "streaming"), _part(fixture, "failure")
    profile = _part(fixture, "streamingProfile")
    size = _number(fixture.get("chunkSize", streaming.get("chunk_size")))
    first = _number(profile.get("ttftMs", profile.get("ttft", failure.get("latency_ms"))))
    between = _number(fixture.get("latency", streaming.get("latency")))
    tokens = _number(profile.get("tps"))
    pace = {
        "ttft": first / 1000 if first else None,
        "gap": between / 1000 if between and not tokens else None,
        "tokens_per_second": tokens,
    }
    pace = {name: value for name, value in pace.items() if value is not None}
    cut = _number(fixture.get("truncateAfterChunks", failure.get("truncate_after_frames")))
    return {
        **({"deltas": int(size)} if size and size >= 1 else {}),
        **({"pace": pace} if pace else {}),
        **({"end": {"cut": int(cut)}} if cut and cut >= 1 else {}),
    }


def _number(value: Any) -> float | None:
    return value if type(value) in (int, float) and 0 < value < 1e7 else None
