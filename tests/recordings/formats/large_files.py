"""Files of any size in which one thing comes again and again, for tests of what reading costs."""

import json
from collections.abc import Callable

from tests.recordings.formats.format_streams import ASKED, SSE, TEXTS

_DELTA = TEXTS[1]
_MESSAGE = f"event: response.output_text.delta\ndata: {_DELTA}\n\n"
_TIME = "2026-02-03T08:00:00Z "


def _document(**members: object) -> str:
    return json.dumps({"request": ASKED, "response": {"body": SSE}, **members})


LARGE: dict[str, Callable[[int], str]] = {
    "events": lambda n: f"{TEXTS[0]}\n" + f"{_DELTA}\n" * n,
    "damaged lines": lambda n: f"{TEXTS[0]}\n" + f"{_DELTA},\n{{\n" * n,
    "headers": lambda n: '{"respool":1}\n' * n + f"{TEXTS[0]}\n",
    "turns": lambda n: "".join(TEXTS[0].replace("resp_1", f"r{at}") + "\n" for at in range(n)),
    "messages": lambda n: _MESSAGE * n,
    "messages without blank lines": lambda n: f"data: {_DELTA}\n" * n,
    "data lines of one message": lambda n: f"data: {TEXTS[0]}\n\n" + 'data: "a"\n' * n,
    "comments": lambda n: f"data: {TEXTS[0]}\n\n" + ": x\n\n" * n + _MESSAGE,
    "stray lines": lambda n: _MESSAGE + "x\n" * n,
    "blank lines": lambda n: _MESSAGE + "\n" * n + _MESSAGE,
    "carriage returns": lambda n: (_MESSAGE * n).replace("\n", "\r"),
    "a long line": lambda n: f'{{"type":"response.created","a":"{"x" * 50 * n}"}}\n',
    "a line of brackets": lambda n: f"{TEXTS[0]}\n" + "[" * n + "\n",
    "array": lambda n: f"[{TEXTS[0]}" + f",{_DELTA}" * n + "]",
    "array of others": lambda n: f"[{TEXTS[0]}" + ',{"a":1}' * n + "]",
    "concatenated": lambda n: TEXTS[0] + f" {_DELTA}" * n,
    "wrappers": lambda n: f'{{"a":{{"b":{_DELTA}}}}}\n' * n,
    "lists in lists": lambda n: f"[{json.dumps(SSE)}" + ",[[[[]]]]" * n + "]",
    "texts of JSON": lambda n: json.dumps(list(TEXTS) + [_DELTA] * n),
    "chunks": lambda n: json.dumps({"chunks": [_MESSAGE[:9], _MESSAGE[9:]] * n}),
    "exchanges": lambda n: json.dumps([json.loads(_document())] * n),
    "members with streams": lambda n: _document(
        **{f"m{at}": _MESSAGE.replace("h", str(at)) for at in range(n)}
    ),
    "members with texts": lambda n: _document(**{f"m{at}": "response." * 9 for at in range(n)}),
    "half a text": lambda n: '[{"type":"response.created","a":"' + "\\" * 2 * n,
    "YAML lines": lambda n: f"a: {json.dumps(SSE)}\nb:\n" + "- response.x\n" * n,
    "YAML aliases": lambda n: f"a: &a {json.dumps(SSE)}\nb:\n" + "- *a\n" * n,
    "YAML block": lambda n: "a: |\n" + "".join(f"  {line}\n" for line in (_MESSAGE * n).split("\n")),
    "txtar": lambda n: "".join(f"-- {at}.sse --\n{SSE}" for at in range(n)),
    "txtar marks": lambda n: f"-- a.sse --\n{SSE}" + "-- a\n" * n,
    "HAR": lambda n: json.dumps(
        {"log": {"entries": [{"request": {}, "response": {"content": {"text": SSE}}}] * n}}
    ),
    "log": lambda n: f"{_TIME}{TEXTS[0]}\n" + f"{_TIME}{_DELTA}\n" * n,
    "other lines of a log": lambda n: f"{_TIME}{TEXTS[0]}\n" + f"{_TIME}{{{{{{\n" * n,
    "curl": lambda n: f"HTTP/1.1 200 OK\ncontent-type: text/event-stream\n\n{SSE}\n" * n,
    "heads": lambda n: "HTTP/1.1 200 OK\n" + "a: b\n" * n + f"\n{SSE}",
    "table": lambda n: f"\tresponse.output_text.delta\t{_DELTA}\t08:00:00.1\n" * n,
    "tabs": lambda n: f"\tx\t{_DELTA}\t08:00:00.1\n" * 20 + "\t" * n,
}
