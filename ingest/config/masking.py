"""Which fields never land as they are: rules by name, and the place of a value that decides which rule is for it.

A name is compared in its normal form: without case, separators and the difference between `owner_name`, `ownerName`,
`owner.name` and a field `name` under `owner`. `*` stands for any part of a name. Rules of one source are written with
it: `cmdb.vm:owner`, or `cmdb:owner` for all of a service. Of several rules that match, a company's comes before a
built-in one, one of a source before one of all, and then the one that says more of the name.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

Action = Literal["drop", "hash", "keep"]
MASK = "***"
MIN_KEY = 16
# A hash that is hashed again stays what it is: what erases twice, or hashes what came hashed, changes nothing.
_HASHED = re.compile(r"hmac:[0-9a-f]{32}")

# Credentials, under whatever a product calls them.
CREDENTIALS = (
    "*password",
    "*passwd",
    "*passphrase",
    "*pwd",
    "*secret",
    "*secret_key",
    "*token",
    "*api_key",
    "*access_key",
    "*account_key",
    "*private_key",
    "*credential",
    "*credentials",
    "*connection_string",
    "authorization",
)
# The two halves of an entry such as {"key": "owner", "value": "Jane"}, whatever a product calls them.
_NAMING = frozenset(
    {"key", "keys", "name", "names", "k", "tag", "label", "field", "attribute", "property", "parameter"}
)
_NAMING |= {"param", "variable", "option", "setting", "tagkey", "tagname", "labelname", "fieldname", "attributename"}
_NAMING |= {"propertyname", "parametername"}
_VALUES = frozenset({"value", "values", "v", "val", "tagvalue", "labelvalue", "fieldvalue", "attributevalue"})
_VALUES |= {"propertyvalue", "parametervalue", "stringvalue", "content", "text"}
_LEVELS = re.compile(r"[^\w\s-]+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# No rule has more levels, and no name more characters that say anything; documents whose names are data, such as ids,
# must not fill the memory.
_MAX_LEVELS, _MAX_NAME, _MAX_PLACES = 8, 256, 50_000


def normal(name: str) -> str:
    """A name without case and separators; its levels apart by dots: `DB.Admin-Password` → `db.adminpassword`."""
    known = _INVISIBLE.sub("", unicodedata.normalize("NFKC", name[-_MAX_NAME:])).casefold()
    return ".".join(filter(None, (re.sub(r"[\W_]+", "", level) for level in _LEVELS.split(known))))


@dataclass(frozen=True)
class Rule:
    """What is done with the values of the fields that a pattern names."""

    pattern: str
    action: Action
    built_in: bool = False

    @property
    def source(self) -> str:
        """The source or service that it is for; empty: all of them."""
        return self.pattern.rpartition(":")[0]

    @property
    def weight(self) -> tuple[bool, int, int, bool]:
        """Its place before other rules, the greatest first."""
        literal = len(re.sub(r"[\W_]+", "", self.pattern.rpartition(":")[2]))
        return (not self.built_in, len(self.source), literal, self.action == "drop")

    def expression(self) -> str:
        """A regular expression over the normal forms of the names on the way to a field, with dots between them."""
        return r"(?:^|\.)" + r"\.?".join(re.escape(word).replace(r"\*", "[^.]*") for word in self.words()) + "$"

    def words(self) -> list[str]:
        """The words of its pattern: between any two of them may be another level."""
        name = unicodedata.normalize("NFKC", self.pattern.rpartition(":")[2])
        return [word.casefold() for word in re.split(r"[^\w*]+|_+", _CAMEL.sub(" ", name)) if word]


@dataclass(frozen=True)
class Masks:
    """All rules, the most important first, and the key of those that hash."""

    rules: tuple[Rule, ...]
    key: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, company: Mapping[str, Action], key: str = "", built_in: Iterable[str] = CREDENTIALS) -> Self:
        """The rules of a company, and the built-in ones after them.

        Raises:
            ValueError: names a pattern without a name, two rules for one name, or a hash without a key.
        """
        seen: dict[tuple[str, str], str] = {}
        for pattern in company:
            rule = Rule(pattern, company[pattern])
            if not re.sub(r"[\W_]+", "", pattern.rpartition(":")[2]):
                raise ValueError(f"'{pattern}' names no field: write such as owner_name or *_mail")
            other = seen.setdefault((rule.source, rule.expression()), pattern)
            if company[other] != company[pattern]:
                raise ValueError(
                    f"'{other}' is {company[other]} and '{pattern}' is {company[pattern]}, and both are one name: "
                    "remove one of them"
                )
        if "hash" in company.values() and len(key) < MIN_KEY:
            raise ValueError(
                f"'{next(name for name, action in company.items() if action == 'hash')}' is hash, and ingest.mask_key "
                f"{'is not set' if not key else f'has {len(key)} characters'}: set it to a random text of at least "
                f"{MIN_KEY} characters, which stays the same, in secrets.toml or INGEST__MASK_KEY"
            )
        rules = [Rule(pattern, action) for pattern, action in company.items()]
        rules += [Rule(pattern, "drop", built_in=True) for pattern in built_in]
        return cls(tuple(sorted(rules, key=lambda rule: rule.weight, reverse=True)), key.encode())

    def root(self, source: str, figures: Iterable[Sequence[str]] = ()) -> Place:
        """The place of a record of a source; `figures` are the paths of what its costs are counted with."""
        service = source.partition(".")[0]
        rules = [rule for rule in self.rules if rule.source in ("", source, service)]
        counted = frozenset(_below((), *path) for path in figures)
        endings = tuple({rule.words()[-1].rpartition("*")[2] for rule in rules})
        compiled = [(re.compile(rule.expression()), rule) for rule in rules]
        return Place(_Tree(compiled, self.key, counted, () if "" in endings else endings), ())


@dataclass
class _Tree:
    """What the places of one source have in common.

    Attributes:
        endings: one of them ends every name that has a rule; none: a name may end in anything.
    """

    rules: Sequence[tuple[re.Pattern[str], Rule]]
    key: bytes
    figures: frozenset[tuple[str, ...]]
    endings: tuple[str, ...]
    root: Place | None = None
    count: int = 0


class Place(dict[str, "Place"]):
    """A place in a record: the names that lead to it, the rule for it, and the places below it by name.

    Attributes:
        rule: what is done with the value that stands here; None: it is kept, but for what is below it.
        is_naming: it may name what stands beside it, as `key` does in {"key": "owner", "value": "Jane"}.
        is_value: what stands here may be named by what stands beside it.
        is_special: there is a rule for it, or it is a value that may be named.
    """

    # a place is itself, whatever has been asked for below it
    __hash__ = object.__hash__  # type: ignore[assignment]
    __slots__ = ("_tree", "is_naming", "is_special", "is_value", "path", "rule")

    def __init__(self, tree: _Tree, path: tuple[str, ...]) -> None:
        """A place; the names in `path` are in their normal form."""
        super().__init__()
        self._tree, self.path = tree, path
        if tree.root is None:  # an empty one is false
            tree.root = self
        last = path[-1] if path else ""
        self.is_naming = last in _NAMING
        self.is_value = last in _VALUES and path not in tree.figures
        self.rule = self._rule() if last else None
        self.is_special = self.rule is not None or self.is_value

    def _rule(self) -> Rule | None:
        tree, written = self._tree, ".".join(self.path)
        if tree.endings and not written.endswith(tree.endings):
            return None
        rule = next((rule for expression, rule in tree.rules if expression.search(written)), None)
        return None if rule is None or rule.action == "keep" else rule

    def __missing__(self, name: str) -> Place:
        """Make the place below this one that a name leads to, and keep it for the next record."""
        tree = self._tree
        found = Place(tree, _below(self.path, str(name)))
        tree.count += 1
        if tree.count > _MAX_PLACES and tree.root is not None:
            tree.count = 0
            tree.root.clear()
        if len(str(name)) <= _MAX_NAME:
            self[name] = found
        return found

    def named(self, words: str) -> Place:
        """The place of what a text names in words, such as `owner name`."""
        place = self
        for word in words.split():
            place = place[word]
        return place

    def masked(self, value: str) -> str:
        """What stands for a text to which the rule of this place applies."""
        if self.rule is None or self.rule.action == "drop":
            return MASK
        return hashed(value, self._tree.key)


def _below(path: tuple[str, ...], *names: str) -> tuple[str, ...]:
    return (*path, *(level for name in names for level in normal(name).split(".") if level))[-_MAX_LEVELS:]


def hashed(value: str, key: bytes) -> str:
    """The pseudonym of a text: the same for all that differ by case and the blanks around them alone."""
    if not (text := unicodedata.normalize("NFKC", value).strip().casefold()) or _HASHED.fullmatch(text):
        return text
    return f"hmac:{hmac.digest(key, text.encode(errors='surrogatepass'), 'sha256').hex()[:32]}"


def rule_for(root: Place, path: Iterable[str]) -> Rule | None:
    """The rule by which a field is masked: its own, or that of what it is in."""
    place = root
    for name in path:
        if (place := place[name]).rule:
            return place.rule
    return None


# The place of a record of which everything is kept.
NOTHING = Masks(()).root("")
