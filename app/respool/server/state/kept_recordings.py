"""KeptRecordings: recordings that a response still plays, though no file and no upload has them.

The store has what they are made of, by their digests: the bytes of an upload, also after it was replaced; and
of an improvised answer the input that its request continued.
"""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from respool.errors import RequestError, RespoolError
from respool.play.offload import offload
from respool.play.playback import Playback
from respool.play.saved_answers import SavedAnswers
from respool.recordings.digest import digest_of
from respool.recordings.recording import Recording
from respool.server.heavy import heavy
from respool.server.improvising import IMPROVISED, improvised
from respool.server.session_record import PlaybackRecord
from respool.server.state import store_keys as key_names
from respool.server.state.json_text import decode, encode
from respool.server.state.link import Read
from respool.server.uploads import Upload, Uploads

MOST_INPUT = 256 * 1024  # bytes of the input of an improvised answer, compressed; a larger one is not kept

Played = tuple[str, str]  # the name and the digest of a recording


class RecordingNotHere(Exception):
    """This server has not the recording of `record`; `refusal` is the error for a client."""

    def __init__(self, record: PlaybackRecord, refusal: RequestError) -> None:
        super().__init__(record.recording)
        self.record = record
        self.refusal = refusal


class RecordingsNotHere(Exception):
    """Several of these, found in one load."""

    def __init__(self, all_: Sequence[RecordingNotHere]) -> None:
        super().__init__()
        self.all = all_


def turns_by_name(turns: Iterable[Recording]) -> dict[Played, Recording]:
    """Return what the turns play, by name and digest: themselves, and the streams made of saved answers."""
    streamed = SavedAnswers().streamed
    return {(one.name, digest_of(one)): one for turn in turns for one in (turn, streamed(turn))}


def input_of_improvised(playback: Playback) -> bytes | None:
    """Return the input that an improvised answer is made from, compressed, if its request has only a part of
    it; None for other recordings, and for an input that is too large."""
    if playback.recording.name != IMPROVISED or playback.continues == (None, None):
        return None
    text = encode(playback.recording.header.request.get("input"))
    key = ("improvised input", digest_of(playback.recording))
    data = offload(len(text), key, partial(zlib.compress, text, 1))
    return data if len(data) <= MOST_INPUT else None


class KeptRecordings:
    """Makes such recordings of what the store has."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    async def fetch(self, records: Iterable[PlaybackRecord], read: Read) -> dict[Played, Recording]:
        """Return the recordings of these records by name and digest, without those that the store has not
        either. `read` queries the store."""
        wanted = {(record.recording, record.digest): record for record in records}
        found = await read([("GET", _key(record)) for record in wanted.values()])
        made: dict[Played, Recording] = {}
        uploads: dict[tuple[str, str], Upload] = {}  # by the name of the recording and the upload's digest
        for record, data in zip(wanted.values(), found, strict=True):
            if data is None:
                continue
            if record.recording == IMPROVISED:
                made |= await heavy(partial(_improvised_again, record, data))
            else:
                upload = decode(data, Upload)
                name, turn, _ = record.recording.rpartition("#")
                uploads[name if turn else record.recording, upload.digest] = upload
        made |= await self._read(uploads, read)
        return {played: recording for played, recording in made.items() if played in wanted}

    async def _read(self, wanted: Mapping[tuple[str, str], Upload], read: Read) -> dict[Played, Recording]:
        if not wanted:
            return {}
        found = await read([("GET", key_names.upload(digest)) for _, digest in wanted])
        made: dict[Played, Recording] = {}
        for (name, _), upload, data in zip(wanted, wanted.values(), found, strict=True):
            if data is not None:
                made |= await heavy(partial(self._turns, name, upload, data))
        return made

    def _turns(self, name: str, upload: Upload, data: bytes) -> dict[Played, Recording]:
        try:
            return turns_by_name(self._uploads.read(name, upload.suffix, data)[1])
        except RespoolError:  # a server of another version could read it
            return {}


def _key(record: PlaybackRecord) -> str:
    of = key_names.improvised_input if record.recording == IMPROVISED else key_names.uploaded_turn
    return of(record.digest)


def _improvised_again(record: PlaybackRecord, data: bytes) -> dict[Played, Recording]:
    body = {**json.loads(record.body), "input": json.loads(zlib.decompress(data))}
    try:
        made = improvised(body)
    except RespoolError:
        return {}
    return {(made.name, digest_of(made)): made}
