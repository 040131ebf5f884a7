"""Writers for messages, reasoning and compaction."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from respool.scripts import Path, ScriptError
from respool.scripts.synth.deltas import cut
from respool.scripts.synth.writer import ItemWriter, Writer

Fields = Mapping[str, Any]


def message(writer: Writer, given: Fields) -> None:
    item = ItemWriter(
        writer,
        "message",
        given,
        status="in_progress",
        content=[],
        phase=given.get("phase", ...),
        role="assistant",
    )
    parts = given.get("content", (("output_text", given),) if "text" in given else ())
    content = []
    path = (*writer.path, "message")
    for number, (kind, part) in enumerate(parts):
        if kind == "refusal":
            content.append(_refusal(item, part, content_index=number))
        else:
            inner = (*path, "content", number, kind) if "content" in given else path
            content.append(_output_text(item, part, inner, content_index=number))
    item.done(content=content, status=item.status())


def _refusal(item: ItemWriter, text: str, *, content_index: int) -> dict[str, Any]:
    item.event("content_part.added", content_index=content_index, part={"type": "refusal", "refusal": ""})
    item.text("refusal", "refusal", text, content_index=content_index)
    part = {"type": "refusal", "refusal": text}
    item.event("content_part.done", content_index=content_index, part=part)
    return part


def _output_text(item: ItemWriter, given: Fields, path: Path, *, content_index: int) -> dict[str, Any]:
    text = given["text"]
    annotations = [
        _annotation(annotation, text, (*path, "annotations", number))
        for number, annotation in enumerate(given.get("annotations", ()))
    ]
    logprobs = _logprobs(item.writer, given.get("logprobs", False), text, path)
    pieces = [entry["token"] for entry in logprobs] if logprobs else item.writer.pieces(text)
    event_logprobs = [_without_bytes(entry) for entry in logprobs]

    part: dict[str, Any] = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    item.event("content_part.added", content_index=content_index, part=part)
    at, next_annotation = 0, 0
    for piece, entry in zip_longest(pieces, event_logprobs):
        entries = [] if entry is None else [entry]
        item.delta("output_text", piece, content_index=content_index, logprobs=entries)
        at += len(piece)
        # The service sends a citation as soon as its words are sent.
        while next_annotation < len(annotations) and _end(annotations[next_annotation], text) <= at:
            _annotate(item, annotations, next_annotation, content_index)
            next_annotation += 1
    for number in range(next_annotation, len(annotations)):
        _annotate(item, annotations, number, content_index)
    item.writer.spend(text)
    item.event("output_text.done", content_index=content_index, text=text, logprobs=event_logprobs)
    part = {"type": "output_text", "annotations": annotations, "logprobs": logprobs, "text": text}
    item.event("content_part.done", content_index=content_index, part=part)
    return part


def _annotate(item: ItemWriter, annotations: list[dict[str, Any]], number: int, content_index: int) -> None:
    item.event(
        "output_text.annotation.added",
        annotation=annotations[number],
        annotation_index=number,
        content_index=content_index,
    )


def _end(annotation: Fields, text: str) -> int:
    """Return the end of an annotation's words within the text."""
    end: int = annotation.get("end_index", annotation.get("index", len(text)))
    return min(end, len(text))


# The fields of each type of annotation.
_ANNOTATIONS: Mapping[str, tuple[str, ...]] = {
    "url_citation": ("end_index", "start_index", "title", "url"),
    "container_file_citation": ("container_id", "end_index", "file_id", "filename", "start_index"),
    "file_citation": ("file_id", "filename", "index"),
    "file_path": ("file_id", "index"),
}


def _annotation(given: Fields, text: str, path: Path) -> dict[str, Any]:
    """Return a full annotation. Without a place it covers the whole text."""
    fields = _ANNOTATIONS[given["type"]]
    if foreign := given.keys() - {"type", "quote", *fields}:
        raise ScriptError(f"a {given['type']} has no {min(foreign)}; it has {', '.join(fields)}", path)
    start, end = 0, len(text)
    if "quote" in given:
        start = text.find(given["quote"])
        if start < 0:
            raise ScriptError(f"the text does not have the words {given['quote']!r}", (*path, "quote"))
        end = start + len(given["quote"])
    usual = {
        "start_index": start,
        "end_index": end,
        "index": end,
        "url": "",
        "title": given.get("url", ""),
        "file_id": "file-1",
        "filename": "",
        "container_id": "cntr_1",
    }
    return {"type": given["type"], **{name: given.get(name, usual[name]) for name in fields}}


def _logprobs(writer: Writer, given: Any, text: str, path: Path) -> list[dict[str, Any]]:
    """Return the entries of a text's tokens; empty if it has no logprobs."""
    if not given:
        return []
    if given is True:
        rng = writer.chance.content
        given = [
            {"token": piece, "logprob": -round(rng.expovariate(4), 6)}
            for piece in cut(text, writer.turn.deltas)
        ]
    elif (joined := "".join(entry["token"] for entry in given)) != text:
        cause = f"the tokens make {joined!r}, expected the text {text!r}"
        raise ScriptError(cause, (*path, "logprobs"))
    return [
        {**_with_bytes(entry), "top_logprobs": [_with_bytes(top) for top in entry.get("top_logprobs", ())]}
        for entry in given
    ]


def _with_bytes(entry: Fields) -> dict[str, Any]:
    given = {"bytes": list(entry["token"].encode()), "logprob": 0.0, **entry}
    return {**given, "bytes": list(given["bytes"])}


def _without_bytes(entry: Fields) -> dict[str, Any]:
    """Return an entry as text events have it: without bytes, which only the part has."""
    top = [_without_bytes(top) for top in entry.get("top_logprobs", ())]
    fields = {name: entry[name] for name in ("token", "logprob")}
    return fields | ({"top_logprobs": top} if "top_logprobs" in entry else {})


def reasoning(writer: Writer, given: Fields) -> None:
    encrypted = given.get("encrypted_content", False)
    status = given.get("status")
    item = ItemWriter(
        writer,
        "reasoning",
        given,
        status="in_progress" if status else ...,
        content=[],
        encrypted_content=writer.ciphertext() if encrypted else ...,
        summary=[],
    )
    summary, content = [], []
    for number, text in enumerate(given.get("summary", ())):
        part = {"type": "summary_text", "text": text}
        item.event("reasoning_summary_part.added", part={**part, "text": ""}, summary_index=number)
        item.text("reasoning_summary_text", "text", text, summary_index=number)
        item.event("reasoning_summary_part.done", part=part, summary_index=number)
        summary.append(part)
    for number, text in enumerate(given.get("content", ())):
        part = {"type": "reasoning_text", "text": text}
        item.event("content_part.added", content_index=number, part={**part, "text": ""})
        item.text("reasoning_text", "text", text, content_index=number)
        item.event("content_part.done", content_index=number, part=part)
        content.append(part)
    changes: dict[str, Any] = {"content": content, "summary": summary}
    if encrypted:
        changes["encrypted_content"] = writer.ciphertext() if encrypted is True else encrypted
    if status:
        changes["status"] = status
    item.done(**changes)


def compaction(writer: Writer, given: Fields) -> None:
    item = ItemWriter(writer, "compaction", given, encrypted_content=writer.ciphertext())
    for _ in range(given.get("compacting", 0)):
        item.event("compaction.compacting")
    item.done(encrypted_content=given.get("encrypted_content") or writer.ciphertext())
