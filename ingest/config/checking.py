"""Whether what is set in a section makes sense, in words that name the setting, its value, its rule and the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from finops.ingest.config.reading import RawSection
from finops.ingest.config.values import Section
from finops.ingest.errors import ConfigurationError
from finops.ingest.sources.kinds import DECLARED

Model = TypeVar("Model", bound=Section)
_RULES = {
    "int_parsing": "is not a whole number: write for example 10",
    "int_from_float": "is not a whole number: write for example 10",
    "decimal_parsing": "is not a number: write for example 0.5",
    "uuid_parsing": "is not a UUID: give it a Job's uid, or leave it out",
    "dict_type": 'is not a JSON object: write {"key": "value"}',
    "tuple_type": 'is not a JSON list: write ["name"]',
    "frozen_set_type": 'is not a JSON list: write ["name"]',
    "extra_forbidden": "is not a setting: remove it",
    "unexpected_keyword_argument": "is not a setting: remove it",
}
_DECLARED = tuple(f"sources.{kind}." for kind in DECLARED)
_HIDDEN = {"dict_type", "extra_forbidden", "unexpected_keyword_argument"}  # a value that may be a secret


def validated(section: RawSection, model: type[Model]) -> Model:
    """What is set in a section, as its type.

    Raises:
        ConfigurationError: names the keys that are not settings, or the first value that is not of its kind.
    """
    if unknown := list(unknown_keys(section, model)):
        raise ConfigurationError("; ".join(unknown))
    if section.problem:
        raise ConfigurationError(f"{section.name} {section.problem}")
    try:
        return model.model_validate(section.values)
    except ValidationError as error:
        said = _message(section.name, model, error.errors(include_url=False)[0])
        raise ConfigurationError(said + _page(section)) from error


def unknown_keys(section: RawSection, model: type[Section]) -> Iterator[str]:
    """What to say of each key that is not a setting."""
    for key in sorted(section.values.keys() - model.model_fields.keys()):
        near = nearest(key, model.model_fields)
        remedy = f"did you mean {section.name}.{near}?" if near else "remove it (docs/configuration.md has them all)"
        if key in model.renamed:
            remedy = f"its name is now {section.name}.{model.renamed[key]} (docs/upgrading.md)"
        elif key in model.removed:
            remedy = f"remove it, {model.removed[key]} (docs/upgrading.md)"
        shown = f"{section.name}.{key.replace('__', '.')}"
        yield f"{shown} ({section.places[key]}) is not a setting: {remedy}{_page(section)}"


def nearest(key: str, known: Iterable[str]) -> str | None:
    """The known key that a misspelt one may stand for."""
    return next(iter(get_close_matches(key.lower(), known, 1)), None)


def domain_problem(domain: str, domains: Sequence[str]) -> str | None:
    """What is wrong with a domain that is not one of the company's `domains`, and the remedy; None where it is one."""
    if domain in domains:
        return None
    near = nearest(domain, domains)
    meant = f"did you mean {near}? Write" if near else "write"
    return f"'{domain}' is not a domain: {meant} one of {', '.join(domains)}, or add it to domains in finops.toml"


def _message(section: str, model: type[Section], error: ErrorDetails) -> str:
    """One error of pydantic's; a value that may be a secret is not shown."""
    key, value, kind = ".".join((section, *map(str, error["loc"]))), error["input"], error["type"]
    known = model.model_fields.get(str(error["loc"][0])) if error["loc"] else None
    meaning = known.description if known and known.description else ""
    if kind == "missing":
        return f"{key} is not set: {meaning}" if meaning else f"{key} is not set"
    if kind == "value_error":
        return f"{key}{' ' if error['loc'] else ': '}{error['ctx']['error']}"
    if kind == "literal_error":
        words = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return f"{key} '{value}' is not known: write one of {words}"
    hidden = kind in _HIDDEN or not isinstance(value, str | int | float) or "(a secret)" in meaning
    shown = key if hidden else f"{key} '{value}'"
    return f"{shown} {_RULES[kind]}" if kind in _RULES else f"{shown}: {error['msg']}"


def _page(section: RawSection) -> str:
    return " (docs/declared-sources.md)" if section.name.startswith(_DECLARED) else ""
