"""A small stream, and what tools make of it, for the tests of formats."""

import json

TEXTS = (
    '{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","output":[]}}',
    '{"type": "response.output_text.delta", "sequence_number": 1, "delta": "h\\u00e9"}',
    '{"type":"response.completed","sequence_number":2,"response":{"id":"resp_1","object":"response","x":1.50}}',
)
TYPES = tuple(json.loads(text)["type"] for text in TEXTS)
SSE = "".join(f"event: {type_}\ndata: {text}\n\n" for type_, text in zip(TYPES, TEXTS, strict=True))
ASKED = {"model": "gpt-5.2", "input": "hi", "stream": True}
ANSWER = {"id": "resp_2", "object": "response", "status": "completed", "output": []}
