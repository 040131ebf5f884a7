"""The bodies of requests in the published recordings of ../shared, which are in many formats."""

import gzip
import json
from pathlib import Path

import yaml

SHARED = Path(__file__).parents[2] / "shared"


def requests_in(value):
    """All bodies of requests that a recorded file holds, however deep, also as JSON texts."""
    match value:
        case {"model": str(), "input": list()}:
            yield value
        case dict():
            for one in value.values():
                yield from requests_in(one)
        case list():
            for one in value:
                yield from requests_in(one)
        case str() if value.lstrip()[:1] in ("{", "[") and '"input"' in value:
            try:
                yield from requests_in(json.loads(value))
            except ValueError:
                return


def published():
    """Each body, with the name of its file and its number there."""
    for path in sorted((SHARED / "recordings").rglob("*")):
        if path.is_file():
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            text = data.decode("utf-8", "replace")
            if ".yaml" in path.name or ".yml" in path.name:
                content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
            else:
                try:
                    content = json.loads(text)
                except ValueError:
                    continue
            for number, body in enumerate(requests_in(content)):
                yield f"{path.name}:{number}", body
