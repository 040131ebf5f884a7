"""Request: all that a client has sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from respool.play.offload import LARGE, offload
from respool.protocol.json_object import LARGE as LARGE_TEXT
from respool.protocol.json_object import JSONObject
from respool.protocol.request import ValidationLevel, check_create

if TYPE_CHECKING:
    from respool.faults import Fault
    from respool.match.recorded import Forms, RecordedIndex
    from respool.play.playback import Playback
    from respool.server.rule_set import Playable

PLAY_HEADER = "x-respool-play"
SESSION_HEADER = "x-respool-session"


@dataclass(slots=True)  # not frozen: to make one would take three times as long
class Request:
    """A whole request, as matching, stubs, the journal and templates read it. Never changed.

    Source of the members read from the body: ``POST /v1/responses``.
    """

    body: Mapping[str, Any]
    path_name: str | None = None  # NAME of /r/NAME/v1/responses
    header_name: str | None = None  # from the header x-respool-play
    size: int = 0  # of the body as it was read, in bytes
    method: str = "POST"
    path: str = "/v1/responses"  # as routed: without prefixes
    query: str = ""  # as sent, without "?"
    headers: Sequence[tuple[bytes, bytes]] = ()  # names in lower case
    session: str = ""  # "": the default session
    text: bytes = b""  # the body as it was read; b"" where only its value is known
    faults: "tuple[Fault, ...]" = ()  # requested by a header
    pace: Mapping[str, Any] | None = None  # changes to the pace, by the names of `Pace`'s fields
    # The answer after a steer on a WebSocket; it overrides any name.
    plays: "Playable | None" = None
    earlier: "Sequence[Playback]" = ()  # on a WebSocket: the responses that it continues, newest first
    checked: bool = False  # `check` has passed; it is not done twice
    seed: str = ""  # of fresh ids, kept when it is decided again; "": new ones each time
    # The parameters that decide what answers, read once:
    model: str | None = field(init=False)
    stream: bool = field(init=False)  # false, null and absent mean no
    background: bool = field(init=False)  # true if the response goes on when its client leaves
    store: bool = field(init=False)  # true if the response can be retrieved later
    previous_response_id: str | None = field(init=False)
    conversation_id: str | None = field(init=False)  # from `conversation`: an id, or an object with it

    def __post_init__(self) -> None:
        get = self.body.get
        self.model = get("model")
        self.stream = bool(get("stream"))
        self.background = get("background") is True
        self.store = get("store") is not False
        self.previous_response_id = get("previous_response_id")
        conversation = get("conversation")
        if isinstance(conversation, dict):
            conversation = conversation.get("id")
        self.conversation_id = conversation if isinstance(conversation, str) else None

    def header(self, name: str) -> str | None:
        """Return the value of a header, by its name in lower case; None if it was not sent."""
        wanted = name.encode("latin-1")
        return next((value.decode("latin-1") for key, value in self.headers if key == wanted), None)

    def forms(self, index: "RecordedIndex") -> "Forms":
        """Return it as it is compared with the recordings of `index`."""
        return forms_of(index, self.body, self.size, "forms")

    @property
    def continued(self) -> "Playback | None":
        """On a WebSocket: the response of its connection that it continues, stored or not."""
        return self.earlier[0] if self.earlier else None

    @property
    def kept_body(self) -> Mapping[str, Any]:
        """The body to store: as text, if that is known."""
        text = self.text
        if not text:
            return self.body
        return JSONObject(text) if len(text) <= LARGE_TEXT else JSONObject.of(text, self.body)

    @property
    def include_obfuscation(self) -> bool:
        """True if deltas keep the padding of the recording."""
        options = self.body.get("stream_options")
        return not (isinstance(options, dict) and options.get("include_obfuscation") is False)

    def check(self, level: ValidationLevel = ValidationLevel.BASIC) -> None:
        """Raise RequestError, in the API's words, for what the API would refuse."""
        if not self.checked:
            check_create(self.body, level, named=bool(self.path_name or self.header_name))


def forms_of(index: "RecordedIndex", body: Mapping[str, Any], size: int, key: str) -> "Forms":
    """Return a body of `size` bytes as it is compared with the recordings of `index`. Of a large one all is
    worked out at once, which is offloaded under `key`."""
    if size <= LARGE:
        return index.forms_of(body)
    return offload(size, key, lambda: index.prepared(body))
