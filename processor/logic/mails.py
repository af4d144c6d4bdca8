"""What a mail says and looks like, and when it is tried again."""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from cryptwire.texts import Text, Texts, tidy

LASTS = timedelta(days=2)
DIGEST = "digest"
ITEMS = "items"
_FIRST = timedelta(seconds=15)
_LONGEST = timedelta(hours=1)
_MOST_ITEMS = 50
_FOOTER = "You get this mail because of your account at Cryptwire. Which notices come by mail is said in its settings."
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body style="font-family:sans-serif;line-height:1.5;max-width:36em;margin:2em auto;padding:0 1em">
<h1 style="font-size:1.25em">{title}</h1>
{body}
<p style="color:#666;font-size:0.85em">{footer}</p>
</body></html>
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail's subject, on one line, and what it says as text and as HTML."""

    subject: str
    text: str
    html: str


def letter(text: Text, link: str = "") -> Letter:
    """``text`` as a mail; the paragraph that is ``link`` becomes one. Everything is escaped in the HTML."""
    plain = "\n\n".join([text.subject, *text.paragraphs, f"-- \n{_FOOTER}"]) + "\n"
    body = "\n".join(f"<p>{_shown(paragraph, link)}</p>" for paragraph in text.paragraphs)
    page = _PAGE.format(title=html.escape(text.subject), body=body, footer=html.escape(_FOOTER))
    return Letter(f"Cryptwire: {text.subject}", plain, page)


def digest(texts: Texts, notices: Texts, facts: Mapping[str, str]) -> Text:
    """Several notices in one mail: a line for each, so often as it happened; the newest are left out of too many."""
    items = json.loads(facts.get(ITEMS, "[]"))
    total = sum(int(item["times"]) for item in items)
    frame = texts.of(DIGEST, {"count": str(total)})
    lines = []
    for item in items[:_MOST_ITEMS]:
        times = int(item["times"])
        line = f"{tidy(item['at'])}: {notices.of(item['kind'], item['facts']).subject}"
        lines.append(line if times == 1 else f"{line} ({times} times)")
    if len(items) > _MOST_ITEMS:
        lines.append(f"and {len(items) - _MOST_ITEMS} more, which are in the app")
    if len(items) == 1:
        told = notices.of(items[0]["kind"], items[0]["facts"])
        return Text(f"{told.subject} ({total} times)", (*told.paragraphs, *frame.paragraphs, *lines))
    return Text(frame.subject, (*frame.paragraphs, *lines))


def pause(tries: int) -> timedelta:
    """How long to wait after the ``tries``-th try: longer each time, an hour at most."""
    return min(_LONGEST, _FIRST * (1 << min(tries - 1, 20)))


def without(text: str, address: str) -> str:
    """What a mail server said, without the address it said it of."""
    return tidy(text.replace(address, "…").replace(address.lower(), "…"))


def _shown(paragraph: str, link: str) -> str:
    shown = html.escape(paragraph)
    return f'<a href="{shown}">{shown}</a>' if link and paragraph == link else shown
