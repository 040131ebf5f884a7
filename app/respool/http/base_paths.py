"""Base paths: where clients find the API, besides ``/v1``."""

from collections.abc import Sequence

from respool.errors import OptionError, printable

# What clients have built in: OpenRouter's, and that of the Codex CLI with a ChatGPT account.
BUILT_IN = ("/api", "/backend-api/codex")
_BELOW_V1 = ("responses", "models", "conversations")


def base_paths_of(given: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the prefixes of paths, longest first, without a slash at their end.

    Raise OptionError for one that does not begin with a slash.
    """
    for path in given:
        if not path.startswith("/") or "?" in path or "#" in path:
            raise OptionError(f"base-path is {printable(path) or 'empty'}, expected a path, as /llm or /")
    return tuple(sorted({path.rstrip("/") for path in (*BUILT_IN, *given)}, key=len, reverse=True))


def below_base_path(path: str, base_paths: Sequence[str]) -> str | None:
    """Return the path of the API that a path means which is below a base path; None if it is below none."""
    for base in base_paths:
        if base and not path.startswith(f"{base}/"):
            continue
        rest = path[len(base) :]
        if rest.split("/", 2)[1] in _BELOW_V1:
            return f"/v1{rest}"
        if base and (rest.startswith(("/v1/", "/r/", "/s/", "/openai/")) or base not in BUILT_IN):
            return rest
    return None
