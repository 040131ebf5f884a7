"""RS0xx: the file. RS9xx: unknown types."""

from respool.check.rules.rule import Level, Rule

FILE = (
    Rule(
        "RS001",
        Level.ERROR,
        "a damaged line",
        "It is not UTF-8, not JSON, or not an event. The events around it are checked as if it were not "
        "there.",
        '{"type": "response.output_text.delta", "delta": "He',
        "restore the line, or use `respool repair`",
    ),
    Rule(
        "RS002",
        Level.ERROR,
        "the event: line and the type differ",
        "Clients choose by the one or by the other.",
        "event: response.created, then data: with the type response.in_progress",
        "use the type",
    ),
    Rule(
        "RS003",
        Level.INFO,
        "no event: lines",
        "OpenRouter sends data: lines only. Clients that choose by the name of the event see none.",
        'data: {"type": "response.created", ...}',
        "nothing, if the stream is real",
    ),
    Rule(
        "RS004",
        Level.INFO,
        "parts of the file are not read",
        "They hold nothing of the Responses API: other requests of a cassette, lines of a log.",
        "2 of 5 exchanges are none of the Responses API's",
        "nothing, if that is so",
    ),
    Rule(
        "RS005",
        Level.ERROR,
        "a number that JSON does not have",
        "JSON has neither NaN nor Infinity. The event is played as it is, and strict clients cannot read it.",
        '{"type": "response.output_text.done", "logprobs": [{"logprob": -Infinity}]}',
        "null, or a number, if the stream is your own",
    ),
    Rule(
        "RS006",
        Level.ERROR,
        "recorded too long ago",
        "The API goes on, and a recording does not. Only with --max-age.",
        '{"respool": 1, "recorded": "2025-01-31T12:00:00Z"}',
        "record it again; `respool record --refresh` shows what is different now",
    ),
)

UNKNOWN = (
    Rule(
        "RS901",
        Level.INFO,
        "an unknown type of event",
        "Respool does not know it: it is newer, or a producer's own. It passes; only its sequence_number "
        "is checked. Reported once for a type.",
        "response.tea.brewed",
        "nothing: clients must let unknown events pass",
    ),
    Rule(
        "RS902",
        Level.INFO,
        "an unknown type of item",
        "Its events are not checked. Reported once for a type.",
        "response.output_item.added with an item of type tea_call",
        "nothing: clients must let unknown items pass",
    ),
    Rule(
        "RS903",
        Level.INFO,
        "an unknown type of part",
        "Its events are not checked. Reported once for a type.",
        "response.content_part.added with a part of type output_tea",
        "nothing: clients must let unknown parts pass",
    ),
    Rule(
        "RS904",
        Level.INFO,
        "an event of another producer",
        "It is not in OpenAI's API: Open Responses, vLLM, Codex or a beta have it. Reported once for a type.",
        "response.reasoning_part.added (vLLM)",
        "nothing, if the stream is theirs",
    ),
)
