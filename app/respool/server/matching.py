"""Matching: which recording answers a request."""

from respool.errors import NoMatchingRecording, printable
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.request import PLAY_HEADER, Request


def choose(request: Request, store: Store, default: str | None) -> Recording:
    """The recording that answers: by path, by header, by model, the default, or the only one.

    Raises NoMatchingRecording, which names the nearest ones. A name in the path or the header must
    be that of a recording; a model that is not simply says nothing.
    """
    for name, where in ((request.path_name, "the path"), (request.header_name, f"the header {PLAY_HEADER}")):
        if name:
            return store.get(name) or _fail(
                f"No recording is named {_quote(name)}, as {where} asks for.", store, name
            )
    if request.model and (recording := store.get(request.model)):
        return recording
    if recording := default_of(store, default):
        return recording
    asked = f"no recording is named {_quote(request.model)}" if request.model else "the request names none"
    return _fail(f"No recording matches: {asked} and there is no default.", store, request.model or "")


def default_of(store: Store, default: str | None) -> Recording | None:
    """The recording that answers what nothing else does: the default, or the only one there is."""
    if default and (recording := store.get(default)):
        return recording
    return store.only


def _fail(problem: str, store: Store, name: str) -> Recording:
    base = name.rpartition("#")[0]
    for refusal in store.refused:
        if refusal.name in (name, base) and not refusal.kept:
            raise NoMatchingRecording(f"The recording {_quote(refusal.name)} was refused: {refusal.error}")
    if turns := store.turns(base):
        problem = f"{problem} The recording has {len(turns)} turn{'s' if len(turns) > 1 else ''}."
    nearest = store.nearest(name)
    if nearest:
        shown = f"Nearest: {', '.join(nearest)}."
    elif store.names:
        more = " and others" if len(store.names) > 5 else ""
        shown = f"There are: {', '.join(store.names[:5])}{more}."
    else:
        shown = "There are no recordings at all."
    raise NoMatchingRecording(
        f"{problem} {shown} Name one in the path (/r/NAME/v1/responses), "
        f"in the header {PLAY_HEADER}, or as the model.",
        nearest,
    )


def _quote(name: str) -> str:
    return f'"{printable(name)}"'
