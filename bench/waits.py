"""``python -m bench.waits``: the wait of `/healthz` while the server answers one expensive request.

Each case is the largest accepted request of its kind, or a refused one. A server in a process of its own
answers it while another connection requests `/healthz` over and over. The longest wait is printed, the least
of several tries, since a busy machine only adds to it. Run it under `chrt -f 20`, if that is allowed, to
reduce the effect of other processes. With ``--redis`` the state is in a store of its own.

Exit codes: 0 fine; 1 a wait was longer than `LIMIT`; 2 wrong usage.
"""

import argparse
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from bench.state import redis_server
from respool.bench.servers import respool

LIMIT = 0.050  # seconds
TRIES = 3
_PAUSE = 0.002  # seconds between two requests for `/healthz`
_TIMEOUT = 120.0

MIB = 2**20
BODY = 8 * MIB - 4096  # bytes of the largest bodies, a little below the default limit
ITEMS = 16_000  # items of an input, of three values each: a little below the limit of values

_UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)
_CLOSE = 8  # the opcode of a close frame
_ENDS = re.compile(rb'"type": ?"(response\.(?:completed|failed|incomplete)|error|response\.steer\.\w+)"')

EVENTS = (
    '{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response",'
    '"status":"in_progress","output":[]}}\n'
    '{"type":"response.completed","sequence_number":1,"response":{"id":"resp_1","object":"response",'
    '"status":"completed","output":[]}}\n'
)


@dataclass(frozen=True, slots=True)
class HTTPRequest:
    """A request over HTTP/1.1."""

    method: str
    path: str
    body: bytes = b""
    headers: tuple[str, ...] = ()

    def send(self, port: int) -> str:
        """Send it, read all of the answer, and return its status."""
        return send_request(port, self.text())[9:12].decode()

    def text(self) -> bytes:
        """Return the bytes of the request."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: localhost", "Connection: close", *self.headers]
        return "\r\n".join([*lines, f"Content-Length: {len(self.body)}", "", ""]).encode() + self.body


@dataclass(frozen=True, slots=True)
class Frame:
    """A `response.create` on a WebSocket of its own, made of the body of a POST."""

    body: bytes
    path: str
    headers: tuple[str, ...] = ()

    def send(self, port: int) -> str:
        """Send it, read what comes until the response has ended, and return the last event's type."""
        with socket.create_connection(("127.0.0.1", port), _TIMEOUT) as connection:
            head = (f"GET {self.path} HTTP/1.1", "Host: localhost", *_UPGRADE, *self.headers, "", "")
            connection.sendall("\r\n".join(head).encode())
            reader = connection.makefile("rb")
            status = reader.readline()[9:12].decode()
            while reader.readline().strip():
                pass
            if status != "101":
                return status
            text = b'{"type":"response.create",' + self.body[1:]
            with suppress(OSError):  # the server refused it before the end
                # Masked, as clients must, but with zeros, which do not change it.
                connection.sendall(b"\x81\xff" + len(text).to_bytes(8, "big") + bytes(4) + text)
            with suppress(OSError):
                while True:
                    first, size = reader.read(2)
                    if size >= 126:
                        size = int.from_bytes(reader.read(2 if size == 126 else 8), "big")
                    payload = reader.read(size)
                    if first & 0x0F == _CLOSE:
                        return f"closed with {int.from_bytes(payload[:2], 'big')}"
                    type_ = _ENDS.search(payload[:4096])
                    if type_:
                        return type_[1].decode()
            return "cut"


@dataclass(frozen=True, slots=True)
class Case:
    """An expensive request. `before` are sent first, and not measured."""

    name: str
    request: HTTPRequest | Frame
    before: tuple[HTTPRequest, ...] = ()
    options: tuple[str, ...] = ()
    folder: str = "few"


def create(body: bytes, name: str = "a", *headers: str) -> HTTPRequest:
    """Return a request for a response."""
    return HTTPRequest("POST", f"/r/{name}/v1/responses", body, headers)


def text_body(text: bytes, more: bytes = b"", size: int = BODY) -> bytes:
    """Return a body with a text of `size` bytes."""
    return b'{"model":"m",%b"input":"%b"}' % (more, text * (size // len(text)))


def items_body(more: bytes = b"", count: int = ITEMS) -> bytes:
    """Return a body with many short items of input."""
    item = b'{"role":"user","content":"a"}'
    return b'{"model":"m",%b"input":[%b]}' % (more, b",".join([item] * count))


def cases() -> Iterator[Case]:
    """Yield the cases, cheap ones first."""
    strict = ("--validate-requests", "strict")
    fresh = ("--ids", "fresh")
    stored = create(items_body())
    yield Case("a short answer", create(b'{"input":"a"}'))
    for name, text in (
        ("ASCII", b"x"),
        ("of three bytes each", "日".encode()),
        ("of four bytes each", "😀".encode()),
        ("of escapes", b"\\n"),
        ("of \\u escapes", b"\\u00e9"),
    ):
        yield Case(f"a text of characters {name}", create(text_body(text)))
    yield Case("a text with a lone surrogate", create(text_body(b"\\n", b'"user":"\\ud800",')))
    yield Case("white space", create(b'{"input":' + b" " * BODY + b'"a"}'))
    yield Case("a number of many digits", create(b'{"input":' + b"1" * BODY + b"}"))
    yield Case("a body that is cut", create(text_body(b"\\n")[:-2]))
    yield Case("31 MB of base64", create(text_body(b"x", size=31 * MIB)))
    yield Case("31 MB of text", create(text_body(b"x y", size=31 * MIB)))
    yield Case("a body beyond the limit", create(text_body(b"x", size=33 * MIB)))
    yield Case("a long text, not named", HTTPRequest("POST", "/v1/responses", text_body(b"x")))
    yield Case(
        "long instructions to a Script",
        create(text_body(b"x", b'"stream":true,', 4 * MIB).replace(b'"input"', b'"instructions"'), "s"),
    )
    yield Case("16,000 items", create(items_body()))
    yield Case("16,000 items, not named", HTTPRequest("POST", "/v1/responses", items_body()))
    yield Case("16,000 items, strict", create(items_body()), options=strict)
    yield Case("16,000 items, fresh ids", create(items_body()), options=fresh)
    yield Case("16,000 items, a Script", create(items_body(), "s"))
    yield Case(
        "16,000 items, improvised",
        HTTPRequest("POST", "/v1/responses", items_body()),
        options=("--on-miss", "improvise"),
    )
    yield Case("a million items", create(items_body(count=1_000_000)))
    for method, path in (("GET", "/input_items?limit=1"), ("GET", ""), ("POST", "/cancel"), ("DELETE", "")):
        yield Case(
            f"{method} {path} after 16,000 items",
            HTTPRequest(method, f"/v1/responses/resp_1{path}"),
            (stored,),
        )
    yield Case(
        "GET /input_items after a long text",
        HTTPRequest("GET", "/v1/responses/resp_1/input_items"),
        (create(text_body(b"\\n")),),
    )
    for what in ("compact", "input_tokens"):
        yield Case(f"{what}, 16,000 items", HTTPRequest("POST", f"/v1/responses/{what}", items_body()))
        yield Case(
            f"{what}, 16,000 items, strict",
            HTTPRequest("POST", f"/v1/responses/{what}", items_body()),
            options=strict,
        )
        yield Case(f"{what}, a long text", HTTPRequest("POST", f"/v1/responses/{what}", text_body(b"\\n")))
        yield Case(
            f"{what} of what is stored",
            HTTPRequest(
                "POST", f"/v1/responses/{what}", b'{"model":"m","input":"a","previous_response_id":"resp_1"}'
            ),
            (stored,),
        )
    yield Case("fresh ids of 10,000 items", create(b'{"stream":true}', "many"), options=fresh, folder="many")
    yield Case("the same, not streamed", create(b"{}", "many"), options=fresh, folder="many")
    yield Case(
        "nearest of 10,000 long names",
        HTTPRequest(
            "POST",
            "/v1/responses",
            json.dumps({"model": "test_case_00007_" + "abcdefgh_" * 16, "input": "x"}).encode(),
        ),
        folder="names",
    )
    yield Case(
        "1,100 faults", create(b'{"stream":true}', "a", "x-respool-fault: " + ";".join(["bom"] * 1100))
    )
    yield Case(
        "seconds of 20,000 digits", create(b"{}", "a", f"x-respool-fault: stall(seconds={'1' * 20000}x)")
    )
    yield Case("huge_event(16M)", create(b'{"stream":true}', "a", "x-respool-fault: huge_event(size=16M)"))
    yield Case("huge_event(100M)", create(b'{"stream":true}', "a", "x-respool-fault: huge_event(size=100M)"))
    ids = [b'{"type":"item_reference","id":"msg_%d"}' % number for number in range(10_000)]
    references = b'{"model":"m","input":[%b]}' % b",".join(ids)
    yield Case(
        "10,000 unknown items after 500 responses", create(references), (create(b'{"input":"a"}'),) * 500
    )
    yield Case("conversation of 16,000 items", create(items_body(b'"conversation":"c1",')))


def socket_cases() -> Iterator[Case]:
    """Yield cases over WebSocket."""
    strict = ("--validate-requests", "strict")
    fresh = ("--ids", "fresh")
    named, any_ = "/r/a/v1/responses", "/v1/responses"
    yield Case("a short answer, socket", Frame(b'{"input":"a"}', named))
    for name, text in (
        ("ASCII", b"x"),
        ("of three bytes each", "日".encode()),
        ("of four bytes each", "😀".encode()),
        ("of escapes", b"\\n"),
        ("of \\u escapes", b"\\u00e9"),
    ):
        yield Case(f"a text of characters {name}, socket", Frame(text_body(text), named))
    yield Case("a text with a lone surrogate, socket", Frame(text_body(b"\\n", b'"user":"\\ud800",'), named))
    yield Case("white space, socket", Frame(b'{"input":' + b" " * BODY + b'"a"}', named))
    yield Case("a number of many digits, socket", Frame(b'{"input":' + b"1" * BODY + b"}", named))
    yield Case("a frame that is cut, socket", Frame(text_body(b"\\n")[:-2], named))
    yield Case("15 MB of base64, socket", Frame(text_body(b"x", size=15 * MIB), named))
    yield Case("15 MB of text, socket", Frame(text_body(b"x y", size=15 * MIB), named))
    yield Case("a frame beyond the limit, socket", Frame(text_body(b"x", size=17 * MIB), named))
    yield Case("a long text, not named, socket", Frame(text_body(b"x"), any_))
    yield Case(
        "long instructions to a Script, socket",
        Frame(text_body(b"x", size=4 * MIB).replace(b'"input"', b'"instructions"'), "/r/s/v1/responses"),
    )
    yield Case("16,000 items, socket", Frame(items_body(), named))
    yield Case("16,000 items, not named, socket", Frame(items_body(), any_))
    yield Case("16,000 items, strict, socket", Frame(items_body(), named), options=strict)
    yield Case("16,000 items, fresh ids, socket", Frame(items_body(), named), options=fresh)
    yield Case("16,000 items, a Script, socket", Frame(items_body(), "/r/s/v1/responses"))
    yield Case(
        "16,000 items, improvised, socket", Frame(items_body(), any_), options=("--on-miss", "improvise")
    )
    yield Case("a warm-up of 16,000 items, socket", Frame(items_body(b'"generate":false,'), named))
    yield Case("a million items, socket", Frame(items_body(count=500_000), named))
    yield Case(
        "a steer of 16,000 items, socket",
        Frame(items_body(b'"type":"response.steer","previous_response_id":"resp_1",'), named),
    )
    yield Case(
        "fresh ids of 10,000 items, socket",
        Frame(b'{"input":"a"}', "/r/many/v1/responses"),
        options=fresh,
        folder="many",
    )
    yield Case(
        "nearest of 10,000 long names, socket",
        Frame(json.dumps({"model": "test_case_00007_" + "abcdefgh_" * 16, "input": "x"}).encode(), any_),
        folder="names",
    )
    for fault in ("huge_event(size=16M)", ";".join(["unknown_event"] * 32)):
        yield Case(f"{fault[:20]}, socket", Frame(b'{"input":"a"}', named, (f"x-respool-fault: {fault}",)))
    yield Case("conversation of 16,000 items, socket", Frame(items_body(b'"conversation":"c1",'), named))


def make_folder(kind: str, folder: Path) -> None:
    """Write the recordings for a kind of folder."""
    if kind == "few":
        (folder / "a.jsonl").write_text(EVENTS)
        (folder / "s.script.yaml").write_text("text: hello\n")
    elif kind == "many":
        (folder / "many.jsonl").write_text(many_items(10_000))
    else:
        rng = Random(1)
        for number in range(10_000):
            name = f"test_case_{number:05d}_" + "".join(rng.choice("abcdefgh_") for _ in range(150))
            (folder / f"{name}.jsonl").write_text(EVENTS)


def many_items(count: int) -> str:
    """Return a recording of so many items."""
    lines = EVENTS.splitlines()[:1]
    items = []
    for place in range(count):
        item = {
            "id": f"fc_{place}",
            "type": "function_call",
            "call_id": f"call_{place}",
            "name": "f",
            "arguments": "{}",
            "status": "completed",
        }
        items.append(item)
        for kind in ("added", "done"):
            lines.append(
                json.dumps(
                    {
                        "type": f"response.output_item.{kind}",
                        "sequence_number": len(lines),
                        "output_index": place,
                        "item": item,
                    }
                )
            )
    response = {"id": "resp_1", "object": "response", "status": "completed", "output": items}
    lines.append(
        json.dumps({"type": "response.completed", "sequence_number": len(lines), "response": response})
    )
    return "\n".join(lines) + "\n"


def send_request(port: int, request: bytes) -> bytes:
    """Send a request, read all of its answer, and return the beginning."""
    with socket.create_connection(("127.0.0.1", port), _TIMEOUT) as connection:
        begin = b""
        with suppress(OSError):  # the server refused it before the end
            connection.sendall(request)
        with suppress(OSError):
            while part := connection.recv(MIB):
                begin = begin or part
        return begin


@contextmanager
def watched(port: int, waits: list[float]) -> Iterator[None]:
    """Request `/healthz` over and over, and add the longest wait to `waits`."""
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    longest = 0.0
    ended = threading.Event()
    begun = threading.Event()

    def run() -> None:
        nonlocal longest
        with socket.create_connection(("127.0.0.1", port), _TIMEOUT) as connection:
            while not ended.is_set():
                at = time.monotonic()
                connection.sendall(request)
                connection.recv(4096)
                if begun.is_set():
                    longest = max(longest, time.monotonic() - at)
                begun.set()
                ended.wait(_PAUSE)

    thread = threading.Thread(target=run)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        waits.append(longest)


def measure(case: Case, redis: bool, report: Callable[[str], None]) -> float:
    """Return the longest wait of a case, in seconds: the least of several tries."""
    waits: list[float] = []
    status = ""
    with TemporaryDirectory() as name, redis_server() if redis else nullcontext() as store:
        make_folder(case.folder, Path(name))
        state = ["--state", store] if store else []
        with respool([name], ["--speed", "instant", *state, *case.options]) as server:
            for _ in range(TRIES):
                for before in case.before:
                    send_request(server.port, before.text())
                time.sleep(0.1)
                with watched(server.port, waits):
                    status = case.request.send(server.port)
    wait = min(waits)
    report(f"{wait * 1000:7.1f} ms  {status:3}  {case.name}")
    return wait


def main(arguments: Sequence[str]) -> int:
    """Run the cases; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.waits", description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose names hold this")
    parser.add_argument("--redis", action="store_true", help="with the state in a store")
    options = parser.parse_args(arguments)
    longest = 0.0
    for case in chain(cases(), socket_cases()):
        if options.only in case.name:
            longest = max(longest, measure(case, options.redis, lambda line: print(line, flush=True)))
    print(f"longest: {longest * 1000:.1f} ms, expected at most {LIMIT * 1000:g} ms")
    return 1 if longest > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
