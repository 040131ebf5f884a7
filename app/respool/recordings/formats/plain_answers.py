"""Answers that are no stream: Response objects and errors, by themselves or in an exchange."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from respool.protocol.events import loads
from respool.recordings.formats import exchange, found_streams
from respool.recordings.formats.document import MAX_NODES, escape
from respool.recordings.formats.exchange import REQUEST_KEYS, FoundExchange

_URL_KEYS = (
    "url", "uri", "RequestUri", "path", "requestUrl", "urlPath", "urlPattern", "urlPathPattern",
    "urlPathTemplate",
)  # fmt: skip


def is_response(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("object") == "response"
        and isinstance(value.get("output"), list)
    )


def _is_error(value: Any) -> bool:
    details = value.get("error") if isinstance(value, dict) else None
    return isinstance(details, dict) and isinstance(details.get("message"), str)


def single_answer(value: Mapping[Any, Any]) -> Iterator[FoundExchange]:
    """Yield the answer that a document consists of: a Response object or an error."""
    if is_response(value):
        yield FoundExchange("", body=dict(value))
    elif _is_error(value) and value.keys() <= {"error", "status", "request_id", "code"}:
        details = value["error"]
        if "param" in details or "code" in details:
            yield FoundExchange("", body=dict(value), status=_status_of_error(details))
    else:
        for key in ("response", "body", "data"):
            inner = value.get(key)
            if inner is not None and is_response(inner):
                yield FoundExchange(f"/{key}", body=dict(inner), **exchange.metadata([value]))
                return


# The members in which traces keep a model's answer.
_KEPT_AS = (
    "output",
    "outputs",
    "response",
    "result",
    "body",
    "data",
    "value",
    "completion",
    "message",
    "kwargs",
    "bodyFileName",
    "jsonBody",
)


def anywhere(value: Any) -> Iterator[FoundExchange]:
    """Yield the Response objects of a document without anything else of the API, such as a trace."""
    if isinstance(value, dict) and not {"openapi", "swagger"}.isdisjoint(value):
        return  # its Responses are examples
    waiting: list[tuple[str, Any, list[Any]]] = [("", value, [])]
    for _ in range(MAX_NODES):
        if not waiting:
            return
        pointer, one, around = waiting.pop()
        if isinstance(one, dict) and is_response(one) and isinstance(one.get("id"), str):
            yield FoundExchange(pointer, body=dict(one), **exchange.metadata(around))
        elif len(around) < 12 and isinstance(one, list):
            inside = [*around, one]
            waiting += [(f"{pointer}/{place}", item, inside) for place, item in enumerate(one)][::-1]
        elif len(around) < 12 and isinstance(one, dict):
            inside = [*around, one]
            kept = [(key, one[key]) for key in one if key in _KEPT_AS or isinstance(one[key], list)]
            waiting += [(f"{pointer}/{escape(str(key))}", item, inside) for key, item in kept][::-1]


_STATUS_OF_CODE = {
    "rate_limit_exceeded": 429, "insufficient_quota": 429, "invalid_api_key": 401, "model_not_found": 404,
    "server_error": 500, "server_is_overloaded": 503,
}  # fmt: skip


def _status_of_error(details: Mapping[str, Any]) -> int:
    for name in (details.get("code"), details.get("type")):
        if str(name) in _STATUS_OF_CODE:
            return _STATUS_OF_CODE[str(name)]
    return 400


def of_exchange(value: Mapping[Any, Any], pointer: str, around: Sequence[Any]) -> Iterator[FoundExchange]:
    """Yield the answer of an exchange that is no stream: a Response object, or an error."""
    for place, body in _bodies(value, pointer, 6):
        metadata = exchange.metadata([*around])
        answer = value.get("response", value.get("then"))
        if isinstance(answer, dict):
            metadata |= {key: found for key, found in exchange.metadata([answer]).items() if key != "request"}
        status = metadata.get("status") or 200
        if is_response(body) or (_is_error(body) and status >= 400 and _requests_responses(value)):
            yield FoundExchange(place, body=body, **metadata)
            return


def _bodies(value: Any, pointer: str, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, list) and (data := found_streams.bytes_of(value)) is not None:
        value = data
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        if not value.lstrip().startswith("{"):
            return
        try:
            value = loads(value)
        except ValueError:
            return
    if isinstance(value, dict):
        if is_response(value) or _is_error(value):
            yield pointer, value
        elif depth:
            for key, item in value.items():
                if key not in REQUEST_KEYS:
                    yield from _bodies(item, f"{pointer}/{escape(str(key))}", depth - 1)


def _requests_responses(value: Mapping[Any, Any]) -> bool:
    request = next((value[key] for key in REQUEST_KEYS if key in value), None)
    around = [request, value]
    urls = [str(one.get(key) or "") for one in around if isinstance(one, dict) for key in _URL_KEYS]
    return any(re.search(r"/responses(?:[/?#.\\]|$)", url) for url in urls)
