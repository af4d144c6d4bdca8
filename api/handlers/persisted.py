"""Operations that a client names by their hash: Apollo's automatic persisted queries, and a list of the allowed."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    StringValueNode,
    Visitor,
    print_ast,
    separate_operations,
    visit,
)

from api.schema.cost import Limits, parsed
from cryptwire.errors import Invalid, NotFound, Unavailable
from cryptwire.log import Log

_log = Log(__name__)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
MOST_TEXT = 20_000  # characters
_MOST_ANSWERED = 500
_LONGEST_LITERAL = 12  # characters: names of coins, dates, ids


class Texts(Protocol):
    """Where texts are kept by their hash; both raise Unavailable."""

    async def of(self, hashed: str) -> str | None:
        """The text; None when it was never there or is forgotten."""
        ...

    async def keep(self, hashed: str, text: str) -> None:
        """Keep it for a while."""
        ...

    async def newest(self, count: int) -> list[str]:
        """Those that were kept last."""
        ...


class UnknownPersisted(NotFound):
    """The text of a persisted query is not here: send it once, with its hash."""


class Persisted:
    """What stands for a request's operation. With a list of ``known`` operations nothing else is executed."""

    def __init__(self, texts: Texts, limits: Limits, known: Mapping[str, str] | None = None) -> None:
        self._texts = texts
        self._limits = limits
        self._known = known
        self._forms = None if known is None else {form_of(text, limits) for text in known.values()}
        self._answered: set[str] = set()

    async def text_of(self, query: str | None, extensions: Mapping[str, Any]) -> str | None:
        """The text of the operation that is asked for by ``query``, by ``extensions.persistedQuery``, or by both.

        Raises UnknownPersisted, and Invalid for a hash that is not the text's or an operation that is not in the list.
        """
        asked = extensions.get("persistedQuery")
        if asked is None:
            return self._allowed(query)
        hashed = asked.get("sha256Hash") if isinstance(asked, dict) and asked.get("version") == 1 else None
        if not isinstance(hashed, str) or not _HASH.fullmatch(hashed):
            raise Invalid("extensions.persistedQuery needs version 1 and sha256Hash, 64 lower-case hexadecimal digits")
        if not query:
            text = await self._found(hashed)
            if text is None:
                raise UnknownPersisted("PersistedQueryNotFound")  # the words are the protocol's
            return text
        if hashlib.sha256(query.encode()).hexdigest() != hashed:
            raise Invalid("provided sha does not match query")
        text = self._allowed(query)
        if self._known is None and len(query) <= MOST_TEXT:
            await self._keep(hashed, query)
        return text

    async def likely(self, count: int) -> list[str]:
        """Texts that somebody is likely to ask for: those that are known, or those that were answered lately."""
        if self._known is not None:
            return list(self._known.values())[:count]
        try:
            return await self._texts.newest(count)
        except Unavailable as error:
            _log.warning("texts that were asked lately cannot be read", reason=error)
            return []

    def is_to_be_kept(self, text: str) -> bool:
        """Whether what was answered is new, so that another process may be asked for it, too; once for each text.

        Only of what can hold no secret.
        """
        if self._known is not None or text in self._answered or len(text) > MOST_TEXT:
            return False
        if len(self._answered) >= _MOST_ANSWERED:
            self._answered.clear()
        self._answered.add(text)
        return may_be_kept(parsed(text, self._limits.tokens))

    async def keep(self, text: str) -> None:
        """Keep it for a week, for other processes; when Redis is away it is not."""
        await self._keep(hashlib.sha256(text.encode()).hexdigest(), text)

    def _allowed(self, query: str | None) -> str | None:
        if query and self._forms is not None and form_of(query, self._limits) not in self._forms:
            raise Invalid("this server takes only operations that it knows; send the hash of one, or update the app")
        return query

    async def _found(self, hashed: str) -> str | None:
        if self._known is not None:
            return self._known.get(hashed)
        try:
            text = await self._texts.of(hashed)
        except Unavailable as error:
            _log.warning("persisted queries cannot be read; clients send them whole", reason=error)
            return None
        return text if text is not None and hashlib.sha256(text.encode()).hexdigest() == hashed else None

    async def _keep(self, hashed: str, text: str) -> None:
        try:
            parsed(text, self._limits.tokens)
            await self._texts.keep(hashed, text)
        except GraphQLError:
            return
        except Unavailable as error:
            _log.warning("a persisted query is not kept; clients send it whole", reason=error)


def may_be_kept(document: DocumentNode) -> bool:
    """Whether a document is queries alone, without long literals: passwords stand in changes, tokens are long."""
    kinds = {one.operation for one in document.definitions if isinstance(one, OperationDefinitionNode)}
    literals = _Literals()
    visit(document, literals)
    return kinds == {OperationType.QUERY} and literals.longest <= _LONGEST_LITERAL


class _Literals(Visitor):
    """How long the longest text in a document is."""

    def __init__(self) -> None:
        super().__init__()
        self.longest = 0

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        self.longest = max(self.longest, len(node.value))


def form_of(text: str, limits: Limits) -> str:
    """The same for texts that differ in blanks, comments, or the order of their parts; "" for what is no document."""
    try:
        document = parsed(text, limits.tokens)
    except GraphQLError:
        return ""
    parts = sorted(document.definitions, key=_order)
    return print_ast(DocumentNode(definitions=tuple(parts)))


def _order(node: Any) -> tuple[bool, str]:
    return isinstance(node, FragmentDefinitionNode), node.name.value if getattr(node, "name", None) else ""


def manifest_of(folder: Path) -> dict[str, str]:
    """The operations in a folder's ``*.graphql`` files, each with the fragments that it needs, by SHA-256."""
    whole = "\n".join(path.read_text() for path in sorted(folder.rglob("*.graphql")))
    if not whole.strip():
        return {}
    texts = [print_ast(document) for document in separate_operations(parsed(whole, 1_000_000)).values()]
    return {hashlib.sha256(text.encode()).hexdigest(): text for text in texts}


def read_manifest(path: Path) -> dict[str, str]:
    """A file of ``{hash: text}``; raises Invalid."""
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Invalid(f"{path}: no list of operations ({type(error).__name__})") from None
    if not isinstance(known, dict) or not all(isinstance(text, str) for text in known.values()):
        raise Invalid(f"{path}: no list of operations, {{hash: text}}")
    return known
