"""The cost of finding the answer to a request: with many stubs, many recordings, and a long history.

python -m bench.matching
"""

import atexit
import time
from collections.abc import Callable
from pathlib import Path
from shutil import copyfile, rmtree
from tempfile import mkdtemp
from typing import Any

from respool.match.context import Context
from respool.match.near import NearIndex
from respool.match.recorded import Recorded, RecordedIndex
from respool.match.request import PlainRequest
from respool.match.stubs import StubSet
from respool.match.stubs_file import read_stub
from respool.match.turn_choice import TurnFacts, TurnIndex
from respool.protocol.events import compact
from respool.protocol.request import check_links
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.server.request import Request

HELLO = Path(__file__).parents[1] / "fixtures" / "text" / "hello.jsonl"
MANY = 1000
ROUNDS = 200

Body = dict[str, Any]


def request_body(number: int, turns: int = 1) -> Body:
    """Return a client's body: instructions, five tools, and a history of so many turns."""
    items: list[Body] = [{"role": "user", "content": f"What is the tide in port {number}? {'Please. ' * 20}"}]
    for turn in range(1, turns):
        call = {"type": "function_call", "id": f"fc_{number}_{turn}", "call_id": f"call_{number}_{turn}"}
        items.append({**call, "name": "tide", "arguments": f'{{"port":{number},"day":{turn}}}'})
        items.append(
            {"type": "function_call_output", "call_id": f"call_{number}_{turn}", "output": "noon " * 40}
        )
    tools = [
        {"type": "function", "name": f"tool_{nth}", "description": "It does something. " * 10,
         "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}}
        for nth in range(5)
    ]  # fmt: skip
    return {
        "model": "gpt-5.5",
        "instructions": "Be brief. " * 50,
        "input": items,
        "tools": tools,
        "stream": True,
    }


def exact_stubs() -> StubSet:
    """Return stubs that each match one text."""
    texts = (request_body(number)["input"][0]["content"] for number in range(MANY))
    return StubSet(
        read_stub({"match": {"last_user_text": text}, "play": "x", "name": text}) for text in texts
    )


def contains_stubs() -> StubSet:
    """Return stubs that each match a part of a text by pattern, so all of them are tried."""
    return StubSet(
        read_stub(
            {"match": {"last_user_text": {"regex": f"port {number}[?]"}}, "play": "x", "name": str(number)}
        )
        for number in range(MANY)
    )


def main() -> None:
    """Print the time for one request, the mean over some."""
    print(f"{MANY} stubs, {MANY} recordings with requests; per request:")
    exact, patterns = exact_stubs(), contains_stubs()
    index = RecordedIndex(Recorded(f"r{number}", 1, request_body(number)) for number in range(MANY))
    near = NearIndex(index)
    turns = TurnIndex(
        [
            TurnFacts(({**request_body(1, 21)["input"][1], "call_id": f"call_1_{turn}",
                        "arguments": f'{{"port":1,"day":{turn}}}'},))
            for turn in range(1, 21)
        ]
    )  # fmt: skip
    short, long = request_body(MANY // 2), request_body(1, 21)
    strange = request_body(MANY * 2)
    _report("stubs: by an exact text", lambda: exact.answer(Context(PlainRequest(short))))
    _report(
        "stubs: 1,000 patterns tried", lambda: patterns.answer(Context(PlainRequest(request_body(MANY - 1))))
    )
    _report("recorded: 1 item, tier exact", lambda: index.match(index.forms_of(short)))
    _report("recorded: 41 items, no match", lambda: index.match(index.forms_of(long)) is None)
    _report("turn: 41 items, 20 turns", lambda: turns.choose(long, on_exhausted="last"))
    _report("turn: the first request", lambda: turns.choose(short))
    _report("history of 41 items checked", lambda: check_links(long) is None)
    _report("near misses of 1,000", lambda: near.nearest(index.forms_of(strange)))
    body = {"model": "m", "input": [{"role": "user", "content": "x" * 1000} for _ in range(4000)]}
    _report("near misses, a body of 4 MB", lambda: near.nearest(index.forms_of(body)), rounds=5)
    alone, among = named_play(1), named_play(MANY)
    for _ in range(2):  # by turns: the second figures are those of a warm processor
        _report("a named play, 1 recording", alone, rounds=5000)
        _report(f"a named play, {MANY:,} and stubs", among, rounds=5000)


def named_play(recordings: int) -> Callable[[], object]:
    """Return a function that begins to play one of so many recordings, named by the model. If there are
    several, the server has as many stubs."""
    server = MockServer(Store([folder_of(recordings)]))
    if recordings > 1:
        server.session().stubs.extend(
            read_stub({"match": {"model": f"other-{number}"}, "play": "r0", "name": str(number)})
            for number in range(recordings)
        )
    body = {"model": "r0", "input": "Hi", "stream": True}
    text = compact(body).encode()
    return lambda: server.begin(Request(body, size=len(text), text=text))


def folder_of(recordings: int) -> Path:
    """Return a new folder of recordings with requests, named r0, r1, ..."""
    folder = Path(mkdtemp())
    atexit.register(rmtree, folder)
    for number in range(recordings):
        copyfile(HELLO, folder / f"r{number}.jsonl")
    return folder


def _report(name: str, work: Callable[[], object], rounds: int = ROUNDS) -> None:
    assert work()
    start = time.perf_counter()
    for _ in range(rounds):
        work()
    print(f"  {name:32} {(time.perf_counter() - start) / rounds * 1e6:10,.0f} µs")


if __name__ == "__main__":
    main()
