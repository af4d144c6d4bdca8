"""An answer's JSON said otherwise: types that change, pieces that are missing or come twice."""

import re
from collections.abc import Callable, Collection
from typing import Any

import orjson

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_SWITCH = re.compile(r"(enabled|selling|buying|hold|sold|live|paper_trading|set_default|_only|is_\w+|auto_renewal)")
_ID = re.compile(r"(.*_)?id")

Change = Callable[[Any, Collection[str]], Any]


def changed(body: bytes, change: Change, fields: Collection[str]) -> bytes:
    """A body with ``change`` made; ``fields`` narrows it to keys of these names. What is no JSON stays as it is."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    return orjson.dumps(change(said, fields))


def numbers_as(make: Callable[[str], Any], keeps_ids: bool = False) -> Change:
    """Every number, be it a number or text, as ``make`` has it; ``fields`` or, if ``keeps_ids``, all but ids."""

    def change(said: Any, fields: Collection[str]) -> Any:
        def one(key: str, value: Any) -> Any:
            if isinstance(value, bool) or not _is_meant(key, fields) or (keeps_ids and _ID.fullmatch(key)):
                return value
            if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
                return make(str(value))
            return value

        return _walked(said, one)

    return change


def switches_as(make: Callable[[bool], Any]) -> Change:
    """Every switch (``enabled``, ``hold`` and their like) as ``make`` has it."""

    def change(said: Any, fields: Collection[str]) -> Any:
        def one(key: str, value: Any) -> Any:
            is_switch = value in (True, False, "0", "1") and bool(_SWITCH.search(key))
            return make(value in (True, "1")) if is_switch and _is_meant(key, fields) else value

        return _walked(said, one)

    return change


def as_number(text: str) -> Any:
    """The same number as JSON has numbers, digit for digit."""
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, dot, rest = digits.partition(".")
    return orjson.Fragment(f"{sign}{whole.lstrip('0') or '0'}{dot}{rest}".encode())


def as_exponent(text: str) -> str:
    """Text with an exponent when it is below 0.001, as PHP writes floats."""
    return f"{float(text):.10E}" if 0 < abs(float(text)) < 0.001 else text


def as_float_text(text: str) -> str:
    """Text with more zeros than are needed."""
    return text if "." not in text else text + "0000"


def empty_lists(said: Any, fields: Collection[str]) -> Any:
    """Every empty map is an empty list, as PHP has it."""
    return _walked(said, lambda key, value: [] if value == {} and isinstance(value, dict) else value)


def list_for_map(said: Any, fields: Collection[str]) -> Any:
    """``data`` is an empty list where it was a map."""
    if isinstance(said, dict) and isinstance(said.get("data"), dict):
        return {**said, "data": []}
    return said


def map_for_list(said: Any, fields: Collection[str]) -> Any:
    """Lists of objects are maps from "0", "1", …, as PHP has a list that something was taken out of."""
    if isinstance(said, dict):
        return {key: map_for_list(value, fields) for key, value in said.items()}
    if isinstance(said, list) and said and all(isinstance(each, dict) for each in said):
        return {str(number): map_for_list(each, fields) for number, each in enumerate(said)}
    return said


def no_data(said: Any, fields: Collection[str]) -> Any:
    """The envelope without ``data``."""
    return {key: value for key, value in said.items() if key != "data"} if isinstance(said, dict) else said


def null_data(said: Any, fields: Collection[str]) -> Any:
    """``data`` is null."""
    return {**said, "data": None} if isinstance(said, dict) else said


def fields_left_out(said: Any, fields: Collection[str]) -> Any:
    """Objects without ``fields`` (without any given: without ``amount`` and ``rate``)."""
    left_out = fields or ("amount", "rate")

    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: kept(each) for key, each in value.items() if key not in left_out}
        return [kept(each) for each in value] if isinstance(value, list) else value

    return kept(said)


def extra_fields(said: Any, fields: Collection[str]) -> Any:
    """Objects with fields that nobody documented; in ``assets`` nothing is added, for there keys are coins."""
    unknown = {"_links": {"self": None}, "new_in_2027": [1, {"deep": True}], "çøin": "✓"}

    def added(value: Any) -> Any:
        if isinstance(value, list):
            return [added(each) for each in value]
        if not isinstance(value, dict):
            return value
        more = unknown if any(not key.isupper() for key in value) else {}
        return {**{key: added(each) for key, each in value.items()}, **more}

    return added(said)


def keys_twice(body: bytes) -> bytes:
    """Every object says its first key twice, at first with null; who takes the last one reads what was meant."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body

    def written(value: Any) -> bytes:
        if isinstance(value, dict) and value:
            pairs = [orjson.dumps(key) + b":" + written(each) for key, each in value.items()]
            return b"{" + orjson.dumps(next(iter(value))) + b":null," + b",".join(pairs) + b"}"
        if isinstance(value, list):
            return b"[" + b",".join(written(each) for each in value) + b"]"
        return orjson.dumps(value)

    return written(said)


def _walked(said: Any, one: Callable[[str, Any], Any], key: str = "") -> Any:
    if isinstance(said, dict) and said:
        return {name: _walked(value, one, name) for name, value in said.items()}
    if isinstance(said, list) and said:
        return [_walked(value, one, key) for value in said]
    return one(key, said)


def _is_meant(key: str, fields: Collection[str]) -> bool:
    return not fields or key in fields
