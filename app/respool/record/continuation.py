"""Lineage: the recording that a request continues, by the earlier answers in it."""

from collections.abc import Mapping
from typing import Any

from respool.match.canonical import digest
from respool.match.request import items_of
from respool.match.signatures import calls_of, ids_of, is_output, signature
from respool.match.turn_choice import TurnFacts
from respool.record.naming import first_text


class Lineage:
    """The recorded answers, by the ids that later requests give, and by their content."""

    def __init__(self) -> None:
        self._by_id: dict[str, str] = {}
        self._by_words: dict[str, str] = {}

    def learn(self, name: str, facts: TurnFacts, response_id: str = "") -> None:
        """Remember an answer of the recording `name`."""
        if response_id:
            self._by_id[response_id] = name
        if conversation := _conversation(facts.request):
            self._by_id[conversation] = name
        for item in facts.output:
            for id_ in ids_of(item):
                self._by_id[id_] = name
            if words := _words(item, facts.request):
                self._by_words[words] = name

    def knows(self, response_id: str) -> bool:
        """Return True if an answer with this id was recorded."""
        return response_id in self._by_id

    def continues(self, body: Mapping[str, Any]) -> str | None:
        """Return the name of the recording that a request continues; None if it begins a conversation."""
        for id_ in (body.get("previous_response_id"), _conversation(body)):
            if isinstance(id_, str) and (name := self._by_id.get(id_)):
                return name
        for item in reversed(items_of(body)):
            if answered := calls_of(item):
                if name := self._by_id.get(answered):
                    return name
            elif is_output(item):
                for id_ in ids_of(item):
                    if name := self._by_id.get(id_):
                        return name
                if (words := _words(item, body)) and (name := self._by_words.get(words)):
                    return name
        return None


def _conversation(body: Mapping[str, Any]) -> str | None:
    value = body.get("conversation")
    id_ = value.get("id") if isinstance(value, dict) else value
    return id_ if isinstance(id_, str) else None


def _words(item: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    """Return a digest of an output and the conversation's first message: many answers are a short "Yes."."""
    found = signature(item)
    return digest([list(found), first_text(body)]) if found else ""
