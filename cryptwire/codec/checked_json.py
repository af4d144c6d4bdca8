"""JSON from outside against a schema: never too long to be walked, and what is wrong in a line with its path."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from cryptwire.errors import Invalid

MOST_VALUES = 5_000
MOST_NESTED = 24  # JSON's levels


def _unique(validator: Validator, is_wanted: bool, value: Any, _: Any) -> Iterator[ValidationError]:
    """``uniqueItems`` in one pass; the library compares each with each where they cannot be sorted, which takes seconds
    of two thousand lists and objects.
    """
    if is_wanted and validator.is_type(value, "array"):
        texts = {json.dumps(each, sort_keys=True) for each in value}
        if len(texts) < len(value):
            yield ValidationError("has each one once")


_CHECKING: Any = extend(Draft202012Validator, {"uniqueItems": _unique})  # type: ignore[no-untyped-call]


def checker(schema: Mapping[str, Any]) -> Validator:
    """What checks by a JSON schema of draft 2020-12, in a time that grows with the value's length and no faster."""
    made: Validator = _CHECKING(schema)
    return made


def must_fit(value: Any, validator: Validator, forms: Mapping[str, str], hint: str) -> None:
    """Raises Invalid, naming the path and what to do about it, when parsed JSON is not of the schema.

    ``forms``: what a pattern of the schema looks like, in words; ``hint``: what keeps a value small.
    """
    must_be_small(value, hint)
    error = best_match(validator.iter_errors(value))
    if error is not None:
        raise Invalid(f"{error.json_path[:200]}: {_said(error, forms)}")


def must_be_small(value: object, hint: str) -> None:
    """Before anything walks it by recursion. Raises Invalid."""
    left, rest = MOST_VALUES, [(value, 0)]
    while rest:
        each, depth = rest.pop()
        inner = list(each.values()) if isinstance(each, dict) else each if isinstance(each, list) else []
        left -= len(inner)
        if depth > MOST_NESTED or left < 0:
            raise Invalid(f"$: it is nested too deep or too long; {hint}")
        rest += [(one, depth + 1) for one in inner]


@contextmanager
def at(path: str) -> Iterator[None]:
    """What is invalid within is so at ``path``."""
    try:
        yield
    except Invalid as error:
        raise Invalid(f"{path}: {error}") from None


def _said(error: ValidationError, forms: Mapping[str, str]) -> str:
    """What is wrong and what to do, in a line; ``error.message`` would quote all that was sent."""
    rule = error.validator
    wanted: Any = error.validator_value
    found: Any = error.instance
    match rule:
        case "required":
            return f"needs {', '.join(sorted(set(wanted) - set(found)))}"
        case "additionalProperties":
            known = error.schema.get("properties", {})  # type: ignore[union-attr]  # only objects forbid properties
            more = sorted(str(name) for name in found if name not in known)
            return f"does not know {more[0][:40]!r}; it has {', '.join(known)}"
        case "enum":
            return f"is one of {', '.join(map(str, wanted))}"
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            return "is " + " or ".join(f"{'an' if kind[0] in 'aio' else 'a'} {kind}" for kind in kinds)
        case "minimum" | "maximum" | "exclusiveMinimum":
            words = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "more than"}
            return f"is {words[str(rule)]} {wanted:g}"
        case "minItems" | "minLength" | "minProperties":
            return f"has at least {wanted}"
        case "maxItems" | "maxLength" | "maxProperties":
            return f"has at most {wanted}"
        case "uniqueItems":
            return "has each one once"
        case "pattern":
            return f"is written {forms.get(str(wanted), f'as {wanted}')}"
        case _:
            return f"is not as the schema wants it ({rule})"
