"""``POST /responses/compact``: the user's messages, and one item that replaces everything else."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from respool.protocol.events import dumps
from respool.protocol.items import Item, full_items, input_items, made_id
from respool.protocol.response import count_input, count_tokens, usage_of


def compacted(body: Mapping[str, Any], context: Sequence[Item], created_at: int) -> dict[str, Any]:
    """Return the service's answer to a compact request.

    `context` are the items before its input, of the response that it continues; `created_at` is in seconds
    since 1970. Ids and encrypted content are made up, and are the same for the same request and context.
    Source: the openai package's `CompactedResponse` and its documentation.
    """
    request = dumps([body.get("model"), body.get("instructions"), body.get("input"), context])
    seed = hashlib.sha256(request.encode()).hexdigest()
    id_ = made_id("resp_", seed, "response")
    items = [*full_items(context, id_), *input_items(body, made_id("resp_", seed, "input"))]
    kept = [item for item in items if item["type"] == "message" and item.get("role") == "user"]
    content = _ciphertext(seed)
    compaction = {"id": made_id("cmp_", seed, "item"), "type": "compaction", "encrypted_content": content}
    return {
        "id": id_,
        "object": "response.compaction",
        "created_at": created_at,
        "output": [*kept, compaction],
        "usage": usage_of(count_request(body, context), count_tokens(content)),
    }


def count_request(body: Mapping[str, Any], context: Sequence[Item] = ()) -> int:
    """Return the estimated number of tokens of a request, with the items before its input."""
    return count_input(body) + count_input({"input": list(context)})


def _ciphertext(seed: str) -> str:
    """Return text that looks like encrypted content; the same for the same seed."""
    digests = [hashlib.sha512(f"{seed}:{number}".encode()).digest() for number in range(3)]
    return "gAAAAA" + base64.urlsafe_b64encode(b"".join(digests)).decode()
