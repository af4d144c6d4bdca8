"""HTML that is made of elements, so that no text can become any: what is not ``Markup`` is escaped."""

import html


class Markup(str):
    """Text that is HTML already; only this module and constants of ours make it."""

    __slots__ = ()


Child = str | Markup | None
_EMPTY = frozenset({"br", "meta", "line", "path", "rect", "circle", "polyline", "polygon", "col"})


def element(name: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """An element. Children that are no Markup are text; None is nothing. ``class_`` is the attribute ``class``, and
    ``_`` within a name stands for ``-``.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY and not children:
        return Markup(f"<{name}{said}/>")
    return Markup(f"<{name}{said}>{joined(*children)}</{name}>")


def joined(*children: Child) -> Markup:
    """One behind the other."""
    return Markup(
        "".join(child if isinstance(child, Markup) else text(child) for child in children if child is not None)
    )


def text(words: str) -> Markup:
    """Words as HTML."""
    return Markup(html.escape(words, quote=True))


def _attribute(value: str | float) -> str:
    return html.escape(value, quote=True) if isinstance(value, str) else f"{value:.10g}"
