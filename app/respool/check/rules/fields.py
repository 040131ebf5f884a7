"""RS6xx: the fields of an event."""

from respool.check.rules.rule import Level, Rule

FIELDS = (
    Rule(
        "RS601",
        Level.ERROR,
        "a field is missing",
        "Each type of event has fields that clients rely on.",
        "response.output_text.delta without item_id",
        "add the field",
    ),
    Rule(
        "RS602",
        Level.ERROR,
        "a field is of the wrong JSON type",
        "Clients in typed languages fail to read it. It is a warning where the field may be left out.",
        '"output_index": "0"',
        "use the type that the message names",
    ),
    Rule(
        "RS603",
        Level.WARNING,
        "no logprobs",
        "Since mid-2025 events of output text have logprobs, [] where none were asked for. Older streams "
        "and some of xAI's lack them.",
        "response.output_text.delta without logprobs",
        'add "logprobs": []',
    ),
    Rule(
        "RS604",
        Level.WARNING,
        "only some deltas have obfuscation",
        "Padding hides the length of tokens: all deltas have it, or none has.",
        "obfuscation in one of two deltas",
        "add it, or remove it everywhere",
    ),
    Rule(
        "RS605",
        Level.INFO,
        "obfuscation of an odd length",
        "OpenAI pads each delta to a multiple of 16 characters. Another length tells of a delta that was "
        "edited.",
        '"delta": "Hello" with "obfuscation": "abc"',
        "nothing; or pad anew",
    ),
    Rule(
        "RS606",
        Level.INFO,
        "an error event that is flat",
        'The service nests its details under "error", whatever the SDKs\' types say; then the SDKs raise. '
        "From a flat one the Python SDK makes an ordinary event.",
        '{"type": "error", "message": "..."}',
        'nest it: {"type": "error", "error": {"message": "..."}}',
    ),
    Rule(
        "RS651",
        Level.INFO,
        "the newest SDK knows a field that is missing",
        "The openai package's types require it. Recordings older than the field lack it, and nothing breaks.",
        "response.usage.input_tokens_details.cache_write_tokens is missing",
        "nothing, if the stream is real",
    ),
    Rule(
        "RS652",
        Level.WARNING,
        "a value is not of the newest SDK's type",
        "The openai package's types declare another one.",
        '"created_at": "today"',
        "correct the value; if the stream is real, users of the SDK's types should know",
    ),
)
