"""What people are told, in words. One file a notice or mail: the subject, an empty line, paragraphs.

``$name`` stands for a fact. A paragraph that mentions a fact which nobody gave is left out, so that one file serves a
notice however much is known. A subject without its facts is that of ``general``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from string import Template

_MOST = 300  # characters of one fact
_GENERAL = "general"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT", re.ASCII)
NOTICES = Path(__file__).parent / "notices"


@dataclass(frozen=True, slots=True)
class Text:
    """``subject`` is one line; ``paragraphs`` are plain text."""

    subject: str
    paragraphs: tuple[str, ...]


class Texts:
    """The texts of one folder, read once. A kind that has none is told in general words, with its facts as they are."""

    def __init__(self, folder: Path = NOTICES) -> None:
        self._parts = {path.stem: _parts(path.read_text("utf-8")) for path in sorted(folder.glob("*.txt"))}

    def has(self, kind: str) -> bool:
        """Whether there is a text of its own for ``kind``."""
        return kind in self._parts

    def of(self, kind: str, facts: Mapping[str, str]) -> Text:
        """The text of ``kind`` with ``facts`` in it; each loses line breaks and whatever does not print."""
        known = {name: _readable(tidy(value)) for name, value in facts.items()}
        subject, *paragraphs = self._parts.get(kind) or self._parts[_GENERAL]
        filled = [text for text in (_filled(paragraph, known) for paragraph in paragraphs) if text is not None]
        if kind not in self._parts:
            filled += [f"{tidy(name)}: {value}" for name, value in sorted(known.items())]
            known["kind"] = tidy(kind.replace("-", " "))
        title = _filled(subject, known) or _filled(self._parts[_GENERAL][0], known) or "Cryptwire"
        return Text(title, tuple(filled))


def tidy(value: str) -> str:
    """``value`` on one line, as people may read it: no control characters, none that turn the writing round."""
    plain = "".join(char if char.isprintable() else " " for char in value[: 4 * _MOST])
    return " ".join(plain.split())[:_MOST]


def _readable(value: str) -> str:
    """A moment as people write it, to the minute; anything else as it is."""
    if not _MOMENT.match(value):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    return value if moment.tzinfo is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _parts(text: str) -> list[str]:
    """The subject and the paragraphs; lines of one paragraph are joined."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]


def _filled(template: str, facts: Mapping[str, str]) -> str | None:
    """None when a fact is missing."""
    try:
        return Template(template).substitute(facts)
    except KeyError:
        return None
