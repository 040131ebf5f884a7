"""The fields of a turn and of a Script, as tables. Reading, writing and the JSON Schema use them."""

from collections.abc import Mapping
from typing import Any

from respool.option_types import FLAG, choice_type, number_type, whole_type
from respool.protocol.response import ECHOED
from respool.protocol.websocket.steers import STEER_CODES, SteerAt
from respool.scripts.inline import InlineScript
from respool.scripts.records import Defined, Placed, Record
from respool.scripts.steps import COUNT, DAY, PART, STEP, STEPS, TEXT
from respool.scripts.value_types import (
    Either,
    ListOf,
    MapOf,
    Null,
    Object,
    Text,
    ValueOf,
    ValueType,
)

_ERROR: Mapping[str, ValueType] = {
    "type": TEXT,
    "code": Either((Null(), TEXT)),
    "message": TEXT,
    "param": Either((Null(), TEXT)),
}
END_RECORD = Record(
    {
        "incomplete": Text(about="The reason: max_output_tokens, content_filter ..."),
        "error": Record(_ERROR, short="message", optional=True, about="An error event."),
        "failed": Record(
            _ERROR,
            short="message",
            optional=True,
            about="response.failed; with error as well, first the error event, as the service does.",
        ),
        "cut": ValueOf(whole_type(1), about="The stream breaks off after this many events."),
    },
    some=("incomplete", "error", "failed", "cut"),
    exclusive=(("incomplete", "error", "cut"), ("incomplete", "failed", "cut")),
)
END = Either((ValueOf(choice_type(("completed", "incomplete", "failed", "error", "cut"))), END_RECORD))

# Fields of the Response object that other fields of a Script determine, with the error for each.
_DECIDED = {
    "output": "the output is made of the steps",
    "status": "the status follows from end",
    "error": "the error is that of end",
    "incomplete_details": "the reason is that of end",
    "usage": "write usage beside response, not in it",
}

POINT = Defined(
    Either(
        (
            Text(),
            Record(
                {
                    "event": Text(about="An event type; response. may be left out."),
                    "nth": ValueOf(whole_type(1), about="Which of them, from 1."),
                    "seq": ValueOf(whole_type(), about="A sequence number."),
                    "item": ValueOf(whole_type(), about="The index of an output item."),
                    "text": Text(about="When the text of the answer has come so far."),
                },
                some=("event", "seq", "item", "text"),
                exclusive=(("event", "seq", "item", "text"), ("nth", "seq", "item", "text")),
            ),
        ),
        about="An event type, a number of events, start, terminal, seq:N, item:N, text:TEXT, or a mapping.",
    ),
    "point",
)
_HOLD_POINT = Record(
    {
        "after": POINT,
        "before": POINT,
        "at": POINT,
        "when": ValueOf(choice_type(("before", "after")), about="Of at: after, unless it is given."),
        "ttl": ValueOf(
            number_type(0.001, DAY, unit="s"),
            about="Real seconds after which a stream that is not released is cut.",
        ),
        "on_expiry": ValueOf(choice_type(("abort", "continue")), about="What happens then."),
        "keepalive": ValueOf(
            number_type(0.01, DAY, unit="s"),
            about="A comment is sent after each so many real seconds of a hold.",
        ),
    },
    some=("after", "before", "at"),
    exclusive=(("after", "before", "at"), ("when", "after"), ("when", "before")),
)
HOLD = ListOf(
    Either((ValueOf(FLAG), Text(), _HOLD_POINT)),
    single=True,
    about="Where the stream waits for its release: after=response.created; true: before its first event.",
)
STEER = Record(
    {
        "at": ValueOf(choice_type(tuple(SteerAt)), about="Where an accepted steer ends the response."),
        "successor": Either(
            (Text(), InlineScript()), about="What is played then: the name of a recording, or a Script."
        ),
        "error": Record(
            {"code": ValueOf(choice_type(STEER_CODES)), "message": TEXT},
            short="code",
            required=("code",),
            about="With what the steer fails.",
        ),
    },
    short="at",
    some=("at", "successor", "error"),
    exclusive=(("successor", "error"),),
    about="What becomes of a response.steer on a WebSocket.",
)
_HOLD, _STEER = Defined(HOLD, "hold"), Defined(STEER, "steer")

TURN: Mapping[str, ValueType] = {
    "text": Text(about="The model says this: short for an output with one message."),
    "output": ListOf(Placed(STEP), about="What happens, step by step."),
    "end": END,
    "model": TEXT,
    "request": Object(about="The body of the request that is answered; the Response object repeats it."),
    "response": Object(
        forbidden=_DECIDED, about="More fields of the Response object: id, created_at, service_tier ..."
    ),
    "usage": Either(
        (
            Null(),
            Record(
                {
                    "input_tokens": COUNT,
                    "input_tokens_details": MapOf(COUNT),
                    "output_tokens": COUNT,
                    "output_tokens_details": MapOf(COUNT),
                    "total_tokens": COUNT,
                }
            ),
        ),
        about="What is absent is counted: about four characters a token.",
    ),
    "deltas": Either(
        (ValueOf(choice_type(("tokens", "words", "whole"))), ValueOf(whole_type(1))),
        about="How text is cut: about four characters (tokens), words, not at all, or so many characters.",
    ),
    "obfuscation": ValueOf(FLAG, about="Whether deltas are padded, as the service does unless asked not to."),
    "pace": Record(
        {
            "tokens_per_second": ValueOf(number_type(0.001)),
            "ttft": ValueOf(number_type(high=DAY, unit="s"), about="Seconds until the first token."),
            "bursts": ValueOf(FLAG, about="Uneven, as real streams are, with the same mean."),
            "gap": ValueOf(
                number_type(high=DAY, unit="s"),
                about="Seconds between any two events, instead of tokens per second.",
            ),
            "speed": ValueOf(number_type(0.001), about="By which all times are divided, pauses as well."),
        },
        short="tokens_per_second",
        exclusive=(("tokens_per_second", "gap"),),
        about="Without it the server's own pace decides.",
    ),
    "status": ValueOf(whole_type(200, 599), about="The HTTP status."),
    "headers": MapOf(TEXT, about="HTTP headers of the answer."),
    "error": Record(_ERROR, short="message", about="The error of an answer with a status of 400 or more."),
    "body": ValueType(about="The body of an answer that is no stream: JSON, or text."),
    "ids": ValueOf(
        choice_type(("recorded", "fresh")), about="The ids of a play, instead of the server's option."
    ),
    "faults": ListOf(
        Either((Text(), Object(required=("fault",)))),
        about="What goes wrong with the answer, as in the header of a recording: stall(after=3, seconds=2).",
    ),
    "hold": _HOLD,
    "steer": _STEER,
    "template": ValueOf(FLAG, about="Whether ${...} stands for a value of the request; a literal ${ is $${."),
    "note": Text(about="What a reader should know."),
}
OUTCOME = ("text", "output", "end", "error", "body", "status")

_EXCLUSIVE = (
    ("text", "output"),
    *((streamed, plain) for streamed in ("text", "output", "end") for plain in ("error", "body")),
    ("error", "body"),
)
# The right place of a field that is often put at the top.
_HINTS = {
    **{name: f"{name} belongs below request" for name in ECHOED},
    **{name: f"{name} is a step: write it in the list of output" for name in STEPS},
    **{name: f"{name} belongs below response" for name in ("id", "created_at", "billing")},
}
TURN_RECORD = Record(TURN, some=OUTCOME, exclusive=_EXCLUSIVE, hints=_HINTS)
SCRIPT = Record(
    {
        **TURN,
        "turns": ListOf(Placed(TURN_RECORD), least=1, about="Several responses, one after the other."),
        "seed": ValueOf(whole_type(None), about="The seed of random values: ids, padding, bursts."),
    },
    some=(*OUTCOME, "turns"),
    exclusive=(*_EXCLUSIVE, *(("turns", name) for name in OUTCOME)),
    hints=_HINTS,
)


def definitions() -> dict[str, Any]:
    """Return the shared definitions of the JSON Schema of Scripts, by name."""
    kinds = (STEP, PART, InlineScript(), POINT, _HOLD, _STEER)
    return {kind.definition: kind.shape() for kind in kinds}
