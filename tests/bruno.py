"""A small reader of Bruno's text files: just what ``docs/collection`` uses of them, and an error for anything else."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

_BLOCK = re.compile(r"^([a-z:-]+) \{\n(.*?)^\}\n?", re.MULTILINE | re.DOTALL)
_BLOCKS = frozenset(
    {
        "meta",
        "post",
        "headers",
        "auth:bearer",
        "body:graphql",
        "body:graphql:vars",
        "vars:post-response",
        "assert",
        "docs",
    }
)
_VARIABLE = re.compile(r"\{\{(\w+)\}\}")
_STEP = re.compile(r"\.?([A-Za-z]\w*)|\[(\d+)\]")
_NOTHING = object()


@dataclass(frozen=True)
class Request:
    """One request of a collection, as it is written."""

    name: str
    number: int
    blocks: Mapping[str, str]

    def pairs(self, block: str) -> list[tuple[str, str]]:
        """The lines ``name: value`` of a block."""
        lines = (line.strip() for line in self.blocks.get(block, "").splitlines() if line.strip())
        return [(name.strip(), value.strip()) for name, _, value in (line.partition(": ") for line in lines)]


def collection(folder: Path) -> list[Request]:
    """The requests of a folder, in their order."""
    read = [_request(path.read_text()) for path in folder.glob("*.bru")]
    return sorted(read, key=lambda each: each.number)


def variables(environment: Path) -> dict[str, str]:
    """Those of an environment."""
    (block,) = _BLOCK.findall(environment.read_text())
    return dict(Request("", 0, {"vars": block[1]}).pairs("vars"))


def _request(text: str) -> Request:
    blocks = dict(_BLOCK.findall(text))
    assert set(blocks) <= _BLOCKS, set(blocks) - _BLOCKS
    assert not _BLOCK.sub("", text).strip(), "something stands outside the blocks"
    meta = dict(Request("", 0, blocks).pairs("meta"))
    return Request(meta["name"], int(meta["seq"]), blocks)


async def send(http: aiohttp.ClientSession, request: Request, known: dict[str, str]) -> list[str]:
    """Send a request as Bruno does, take its variables out of the answer; the assertions that do not hold."""
    post = dict(request.pairs("post"))
    headers = {name: _filled(value, known) for name, value in request.pairs("headers")}
    if post["auth"] == "bearer":
        headers["Authorization"] = "Bearer " + _filled(dict(request.pairs("auth:bearer"))["token"], known)
    body: dict[str, Any] = {"query": _filled(request.blocks["body:graphql"], known)}
    if "body:graphql:vars" in request.blocks:
        body["variables"] = json.loads(_filled(request.blocks["body:graphql:vars"], known))
    async with http.post(_filled(post["url"], known), json=body, headers=headers) as response:
        answer = {"status": response.status, "body": await response.json()}
    for name, path in request.pairs("vars:post-response"):
        value = _at(answer, path)
        if isinstance(value, str):
            known[name] = value
    wrong = [
        f"{request.name}: {path}: {check}"
        for path, check in request.pairs("assert")
        if not _holds(_at(answer, path), _filled(check, known))
    ]
    return [f"{each}: {json.dumps(answer)[:500]}" for each in wrong]


def _filled(text: str, known: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: known[found[1]], text)


def _at(answer: Mapping[str, Any], path: str) -> Any:
    """``res.body.data.me`` of an answer; _NOTHING when it is not there."""
    value: Any = {"res": answer}
    for name, index in _STEP.findall(path):
        try:
            value = value[int(index)] if index else value[name]
        except (KeyError, IndexError, TypeError):
            return _NOTHING
    return value


def _holds(value: Any, check: str) -> bool:
    operator, _, wanted = check.partition(" ")
    match operator:
        case "eq":
            return (json.dumps(value) if not isinstance(value, str) and value is not _NOTHING else value) == wanted
        case "gte":
            return isinstance(value, int | float) and value >= float(wanted)
        case "isArray":
            return isinstance(value, list)
        case "isDefined":
            return value is not _NOTHING
        case "isUndefined":
            return value is _NOTHING
    raise AssertionError(f"what is {operator}?")
