"""Matching: which recording answers a request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from respool.errors import NoMatchingRecording, printable
from respool.protocol.request import ValidationLevel, check_create
from respool.recordings.recording import Recording
from respool.recordings.store import Store

PLAY_HEADER = "x-respool-play"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to create a response: its body, and what it says outside of it.

    Source of the fields read from the body: ``POST /v1/responses``, parameters `model`, `stream`.
    """

    body: Mapping[str, Any]
    path_name: str | None = None  # NAME of /r/NAME/v1/responses
    header_name: str | None = None  # of the header x-respool-play
    size: int = 0  # of the body as it was read, in bytes

    @property
    def model(self) -> str | None:
        """The parameter `model`."""
        model: str | None = self.body.get("model")
        return model

    @property
    def stream(self) -> bool:
        """Whether a stream is asked for: false, null and absent all mean that it is not."""
        return bool(self.body.get("stream"))

    @property
    def background(self) -> bool:
        """Whether the response is to go on when its client leaves."""
        return self.body.get("background") is True

    @property
    def store(self) -> bool:
        """Whether the response can be retrieved later."""
        return self.body.get("store") is not False

    @property
    def previous_response_id(self) -> str | None:
        """The parameter `previous_response_id`."""
        id_: str | None = self.body.get("previous_response_id")
        return id_

    @property
    def conversation_id(self) -> str | None:
        """The id of the parameter `conversation`, which may be the id itself or an object that has it."""
        conversation = self.body.get("conversation")
        id_ = conversation.get("id") if isinstance(conversation, dict) else conversation
        return id_ if isinstance(id_, str) else None

    @property
    def include_obfuscation(self) -> bool:
        """Whether deltas are padded, where they are in the recording."""
        options = self.body.get("stream_options")
        return not (isinstance(options, dict) and options.get("include_obfuscation") is False)

    def check(self, level: ValidationLevel = ValidationLevel.BASIC) -> None:
        """Find what the API would refuse. Raises RequestError in its words."""
        check_create(self.body, level, named=bool(self.path_name or self.header_name))


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
