"""Every fault by name: what it looks like on the wire, and to which group it belongs."""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson
from starlette.responses import Response

from simulator.cryptohopper.buckets import retry_after
from simulator.cryptohopper.faults import bodies, wire

Group = Literal["true", "broken", "refusal", "lying", "stuck"]
GROUPS: Mapping[Group, str] = {
    "true": "all that was asked for is there, only strangely put",
    "broken": "nothing usable came; asking again may help",
    "refusal": "asking again does not help",
    "lying": "looks right but is not whole, or not of now",
    "stuck": "takes long, or much memory",
}
"""What the groups have in common; random faults may name them."""

_JSON = "application/json"
_HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Options:
    """What a fault can be told; each kind has its own of these where they matter.

    ``status`` and ``shape`` (see SHAPES) are of answers that say an error, ``says`` is the status that the body
    tells (0: the same, or 500 with 200); ``retry_after`` is ``seconds``, ``date``,
    ``none`` or a header's text.
    """

    status: int = 200
    says: int = 0
    shape: str = "spec"
    message: str = "Something went wrong"
    code: int | str = 0
    retry_after: str = "none"
    seconds: float = 1.0
    bytes: int = 25_000_000
    fields: tuple[str, ...] = ()


Make = Callable[[Options, Response, int], Response]


@dataclass(frozen=True, slots=True)
class Kind:
    """One fault. ``changes``: it is made of the true answer, so the request has its effect."""

    name: str
    group: Group
    says: str
    make: Make | None = None
    changes: bool = False
    after_effect: bool = False
    quirk: str = ""  # what the answering function itself does otherwise
    options: Options = field(default_factory=Options)


def _error(options: Options, _: Response, now: int) -> Response:
    """An answer that says an error in one of the envelopes there are."""
    headers: dict[str, str] = {}
    if options.retry_after in ("seconds", "date", "none"):
        headers = retry_after(options.retry_after, round(options.seconds * 1000), now)
    else:
        headers = {"Retry-After": options.retry_after}
    status, message, code = options.status, options.message, options.code
    said = options.says or (status if status >= 400 else 500)
    if options.shape in ("html", "text", "empty"):
        page = f"<!DOCTYPE html><html><head><title>{message}</title></head><body><h1>{message}</h1></body></html>"
        text = {"html": page, "text": message, "empty": ""}[options.shape]
        return Response(text, status, headers, _HTML if options.shape == "html" else "text/plain")
    envelopes: dict[str, dict[str, object]] = {
        "spec": {"status": said, "code": code, "error": 1, "message": message},
        "mobile": {"error": said, "message": message, "code": code},
        "status": {"status": said, "message": message},
        "nested": {"error": {"code": said, "message": message}},
        "gateway": {"message": message},
        "Gateway": {"Message": message},
        "oauth": {"error": "invalid_token", "error_description": message},
        "data": {"data": message, "error": said, "status": said},
    }
    envelope = envelopes[options.shape]
    if status == 403 and options.shape == "spec":
        envelope["ip_address"] = "192.0.2.7"
    return Response(orjson.dumps(envelope), status, headers, _JSON)


SHAPES = ("spec", "mobile", "status", "nested", "gateway", "Gateway", "oauth", "data", "html", "text", "empty")


def _status(
    name: str, group: Group, status: int, message: str, shape: str = "spec", code: int | str = 0,
    wait: str = "none", seconds: float = 1.0, says: int = 0,
) -> Kind:  # fmt: skip
    options = Options(
        status=status, says=says, shape=shape, message=message, code=code, retry_after=wait, seconds=seconds
    )
    where = {"html": "as a page", "text": "as plain text", "empty": "without a body"}.get(shape, f"envelope {shape}")
    return Kind(name, group, f"{status} {message!r}, {where}", _error, options=options)


def _body(name: str, group: Group, says: str, change: bodies.Change, options: Options | None = None) -> Kind:
    def make(told: Options, answer: Response, _: int) -> Response:
        return _said(answer, bodies.changed(bytes(answer.body), change, told.fields))

    return Kind(name, group, says, make, changes=True, options=options or Options())


def _bytes(name: str, group: Group, says: str, change: Callable[[bytes, Options], bytes], media: str = _JSON) -> Kind:
    def make(told: Options, answer: Response, _: int) -> Response:
        return _said(answer, change(bytes(answer.body), told), media)

    return Kind(name, group, says, make, changes=True)


def _quirk(name: str, group: Group, says: str) -> Kind:
    return Kind(name, group, says, quirk=name)


def _said(answer: Response, body: bytes, media: str = _JSON) -> Response:
    return Response(body, answer.status_code, media_type=media)


def _zipped(told: Options, answer: Response, _: int) -> Response:
    body = gzip.compress(bytes(answer.body))
    return Response(body, answer.status_code, {"Content-Encoding": "gzip"}, _JSON)


def _huge(body: bytes, told: Options) -> bytes:
    end = body.rfind(b"}")
    return body if end < 0 else body[:end] + b',"padding":"' + b"x" * told.bytes + b'"' + body[end:]


def _not_a_number(body: bytes, told: Options) -> bytes:
    def change(said: object, fields: object) -> object:
        return bodies.numbers_as(lambda _: orjson.Fragment(b"NaN"), keeps_ids=True)(said, told.fields)

    return bodies.changed(body, change, told.fields)


_TRUE: Group = "true"
_KINDS = (
    # ---- errors by status ----
    _status("429", "broken", 429, "Too many requests", code="normal", wait="seconds"),
    _status("429-bare", "broken", 429, "Too many requests"),
    _status("429-date", "broken", 429, "Too many requests", wait="date", seconds=2.0),
    _status("429-gateway", "broken", 429, "Too Many Requests", shape="gateway"),
    _status("200-says-429", "broken", 200, "Too many requests", shape="status", says=429),
    _status("200-says-error", "broken", 200, "Something went wrong", shape="mobile"),
    _status("200-error-spec", "broken", 200, "Something went wrong", shape="spec"),
    _status("200-error-nested", "broken", 200, "Something went wrong", shape="nested"),
    _status("200-error-gateway", "broken", 200, "Internal server error", shape="gateway"),
    _status("200-error-data", "broken", 200, "Something went wrong", shape="data"),
    _status("200-html", "broken", 200, "Down for maintenance", shape="html"),
    _status("200-text", "broken", 200, "Error establishing a database connection", shape="text"),
    _status("400", "refusal", 400, "Validation failed"),
    _status("401", "refusal", 401, "The access token is invalid"),
    _status("401-expired", "refusal", 401, "The access token has expired"),
    _status("401-revoked", "refusal", 401, "The access token was revoked", shape="oauth"),
    _status("402", "refusal", 402, "Device not authorized"),
    _status("403", "refusal", 403, "Your address is not on the list of the app"),
    _status("403-mobile", "refusal", 403, "Forbidden", shape="mobile"),
    _status("403-html", "broken", 403, "403 Forbidden", shape="html"),
    _status("404", "refusal", 404, "Not found"),
    _status("405", "refusal", 405, "Missing Authentication Token", shape="gateway"),
    _status("409", "refusal", 409, "Conflict"),
    _status("422", "refusal", 422, "Unprocessable", shape="nested"),
    _status("500", "broken", 500, "Internal server error"),
    _status("500-gateway", "broken", 500, "Internal Server Error", shape="Gateway"),
    _status("502", "broken", 502, "502 Bad Gateway", shape="html"),
    _status("503", "broken", 503, "Service unavailable"),
    _status("503-wait", "broken", 503, "Service unavailable", wait="seconds"),
    _status("504", "broken", 504, "Endpoint request timed out", shape="gateway"),
    Kind("error", "broken", "what the options say: status, shape, message, code, retry_after", _error),
    # ---- on the wire ----
    Kind("timeout", "stuck", "never answers; no effect", lambda *_: wire.Silent()),
    Kind("timeout-after", "stuck", "takes effect and never answers", lambda *_: wire.Silent(), after_effect=True),
    Kind("reset", "broken", "the connection is reset; no effect", lambda *_: wire.Reset()),
    Kind("reset-after", "broken", "takes effect, then is reset", lambda *_: wire.Reset(), after_effect=True),
    Kind("late", _TRUE, "the answer, after some seconds", lambda o, answer, _: wire.Slow(answer, o.seconds, 0), True),
    Kind("slow", _TRUE, "the answer in drops", lambda o, answer, _: wire.Slow(answer, 0, o.seconds), True),
    Kind("half", "broken", "half the promised length, then an end", lambda _, answer, __: wire.Half(answer), True),
    _bytes("cut", "broken", "half a body, as if it were all", lambda body, _: body[: len(body) // 2]),
    _bytes("empty", "broken", "an empty body", lambda body, _: b""),
    _bytes("junk", _TRUE, "a line of text before the JSON", lambda body, _: b"stop_loss 0.000000\n" + body),
    _bytes("bom", _TRUE, "a byte order mark before the JSON", lambda body, _: b"\xef\xbb\xbf" + body),
    _bytes("wrong-type", _TRUE, "JSON that calls itself text/html", lambda body, _: body, _HTML),
    _bytes("keys-twice", _TRUE, "each object's first key twice", lambda body, _: bodies.keys_twice(body)),
    _bytes("huge", "stuck", "padded by so many bytes", _huge),
    _bytes("nan", "broken", "NaN for numbers, which is no JSON", _not_a_number),
    Kind("gzip", _TRUE, "compressed, whether or not that was asked for", _zipped, changes=True),
    # ---- what is said ----
    _body("numbers-as-numbers", _TRUE, "text that is a number as a number", bodies.numbers_as(bodies.as_number)),
    _body("numbers-as-text", _TRUE, "numbers as text", bodies.numbers_as(str)),
    _body("numbers-with-zeros", _TRUE, "more decimals than needed", bodies.numbers_as(bodies.as_float_text)),
    _body("numbers-as-exponents", _TRUE, "small ones as 1.0E-5", bodies.numbers_as(bodies.as_exponent, keeps_ids=True)),
    _body("numbers-as-null", "lying", "null for numbers but ids", bodies.numbers_as(lambda _: None, keeps_ids=True)),
    _body("numbers-as-empty", "lying", "no text for numbers but ids", bodies.numbers_as(lambda _: "", keeps_ids=True)),
    _body("switches-as-numbers", _TRUE, "switches as 0 and 1", bodies.switches_as(int)),
    _body("switches-as-text", _TRUE, 'switches as "0" and "1"', bodies.switches_as(lambda is_on: str(int(is_on)))),
    _body("switches-as-booleans", _TRUE, "switches as true and false", bodies.switches_as(bool)),
    _body("empty-lists", _TRUE, "every empty map as []", bodies.empty_lists),
    _body("map-for-list", _TRUE, 'lists of objects as maps from "0", "1", …', bodies.map_for_list),
    _body("extra-fields", _TRUE, "fields that nobody documented", bodies.extra_fields),
    _body("list-for-map", "lying", "data is [] where it was a map with something in it", bodies.list_for_map),
    _body("no-data", "broken", "the envelope without data", bodies.no_data),
    _body("null-data", "broken", "data is null", bodies.null_data),
    _body("fields-left-out", "lying", "objects without some fields", bodies.fields_left_out),
    # ---- what the answering function does otherwise ----
    _quirk("results-as-number", _TRUE, "a page of trades tells results and offset as numbers"),
    _quirk("trades-shuffled", "lying", "a page of trades in no order"),
    _quirk("trades-repeated", "lying", "a page of trades begins with the last ones of the page before"),
    _quirk("trades-long", "lying", "a page of trades has more than were asked for"),
    _quirk("offset-ignored", "lying", "a page of trades begins with the newest, whatever offset says"),
    _quirk("date-ignored", "lying", "dateFrom narrows nothing"),
    _quirk("stale", "lying", "balances of the snapshot before"),
)  # fmt: skip

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _KINDS}
ALIASES: Mapping[str, str] = {
    "blocked": "403-html",
    "timeout-after-accept": "timeout-after",
    "body-cut": "cut",
    "half-body": "half",
    "html": "200-html",
    "date-from-ignored": "date-ignored",
}


def kind_of(name: str) -> Kind | None:
    return KINDS.get(ALIASES.get(name, name))


def with_options(kind: Kind, told: Mapping[str, object]) -> Options:
    """A kind's own options but for what was told. Raises ValueError naming what is of a wrong type."""
    found: dict[str, Any] = {}
    for name, value in told.items():
        if name == "fields" and isinstance(value, list) and all(isinstance(each, str) for each in value):
            found[name] = tuple(value)
        elif name == "seconds" and type(value) in (int, float) and 0 <= float(str(value)) <= 3600:
            found[name] = float(str(value))
        elif (
            (name == "code" and type(value) in (int, str))
            or (name in ("status", "says", "bytes") and type(value) is int and 0 <= value <= 200_000_000)
            or (name in ("shape", "message", "retry_after") and isinstance(value, str))
        ):
            found[name] = value
        else:
            raise ValueError(f"{name} cannot be {value!r}")
    options = replace(kind.options, **found)
    if options.shape not in SHAPES:
        raise ValueError(f"shape must be one of {', '.join(SHAPES)}")
    if not 200 <= options.status <= 599:
        raise ValueError(f"status cannot be {options.status}")
    return options
