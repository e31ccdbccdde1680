"""What becomes of a value when a field, or what is about a person, is erased (pipeline/erase.py)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from finops.ingest.config.masking import MASK, MIN_KEY, Masks, Place, hashed, rule_for
from finops.ingest.config.rules import Rules
from finops.ingest.errors import ConfigurationError
from finops.ingest.sources.exact_json import read_json, write
from finops.ingest.sources.kinds import ConfiguredSource
from finops.ingest.sources.masked import mask_json, mask_text
from finops.ingest.sources.uses import identities, refuse_masked

SHORTEST = 3
Change = Callable[[str], str]


@dataclass(frozen=True)
class Erasure:
    """What is to be erased.

    Attributes:
        field: the name of a field, as in `ingest.mask`; of a subject, where alone it is looked for.
        subject: a text that stands for a person, such as a mail address; None: all values of the field.
        source: only what landed of it.
        action: `drop`, or `hash` with the key.
    """

    field: str | None
    subject: str | None
    source: str | None
    action: Literal["drop", "hash"]
    key: str = dataclasses.field(default="", repr=False)

    @cached_property
    def masks(self) -> Masks:
        """The one rule, if a field is named.

        Raises:
            ConfigurationError: when the field's name, or the key, makes no sense.
        """
        try:
            return Masks.of({self.field: self.action} if self.field else {}, self.key, built_in=())
        except ValueError as error:
            raise ConfigurationError(f"--field {self.field}: {error}") from error

    def check(self, sources: Iterable[ConfiguredSource], rules: Rules) -> None:
        """Refuse what can't be erased, by what is configured.

        Raises:
            ConfigurationError: for a field that a source is read for, or too short a subject.
        """
        if self.action == "hash" and len(self.key) < MIN_KEY:
            raise ConfigurationError(
                f"--hash needs a key, and ingest.mask_key is not set to one of at least {MIN_KEY} characters"
            )
        if self.subject is not None:
            if len(self.subject.strip()) < SHORTEST:
                raise ConfigurationError(f"--subject has less than {SHORTEST} characters: it would be found everywhere")
            return
        for on in sources:
            if self.source not in (None, on.source.name):
                continue
            refuse_masked(on, self.masks, rules)
            root = self.masks.root(on.source.name)
            if held := next((path for path in identities(on.source) if rule_for(root, path)), None):
                raise ConfigurationError(
                    f"{on.source.switch}: '{'.'.join(held)}' is part of the identities of its records, which are kept: "
                    "erase each person by --subject"
                )

    def text_of(self, source: str, column: str) -> Change:
        """What becomes of a text in a column."""
        root = self.masks.root(source)
        place = root if column == "record_id" else root[column]
        if self.subject is not None:
            return self._replaced if self.field is None or place.rule else str
        return place.masked if place.rule else lambda text: mask_text(text, place)

    def document_of(self, source: str, column: str) -> Change:
        """What becomes of the JSON text of a column."""
        root = self.masks.root(source)
        place = root if column in ("payload", "other_columns") else root[column]
        if self.subject is None:
            return lambda text: mask_json(text, place)
        return lambda text: self._without_subject(text, place)

    def _without_subject(self, text: str, place: Place, *, inside: bool = False) -> str:
        """A JSON text without the subject; `inside` a field in which it is looked for."""
        value = read_json(text)
        changed = self._walk(value, place, inside=inside or self.field is None or place.rule is not None)
        return text if changed == value else write(changed).decode()

    def _walk(self, value: Any, place: Place, *, inside: bool) -> Any:  # noqa: ANN401 any JSON value
        if isinstance(value, dict):
            return {
                self._replaced(key) if inside else key: self._walk(
                    item, place[key], inside=inside or place[key].rule is not None
                )
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._walk(item, place, inside=inside) for item in value]
        if not isinstance(value, str):
            return self.token if inside and str(value) == self.subject else value
        if value.lstrip()[:1] in ("{", "["):
            with suppress(ValueError, RecursionError):
                return self._without_subject(value, place, inside=inside)
        return self._replaced(value) if inside else value

    def _replaced(self, text: str) -> str:
        return self._expression.sub(self.token, text)

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        words = r"\s+".join(map(re.escape, (self.subject or "").split()))
        return re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE)

    @cached_property
    def token(self) -> str:
        """What stands for the subject from now on."""
        return hashed(self.subject or "", self.key.encode()) if self.action == "hash" else MASK

    def is_in(self, text: object) -> bool:
        """Whether a text is, or holds, the subject."""
        return self.subject is not None and self._expression.search(str(text)) is not None
