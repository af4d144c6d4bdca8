r"""What spreadsheets take for a formula, and run: text that begins with one of ``= + - @``, or their wide forms.

Text that came from outside gets an apostrophe wherever one of these patterns matches, which is always between two
characters: before such a beginning, also behind what another program may take for the end of a cell. They are regular
expressions that Python and PostgreSQL read alike, so spaces are listed: ``\s`` is not the same in both.
"""

_SPACES = r"[ \t\n\r\f\v\u001c-\u001f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*"
_BEHIND = r"(?:^|(?<=[;,|\t\r\n\"']))"

FORMULA = rf"{_BEHIND}(?={_SPACES}[=+\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\r\n])"
"""In text."""

FORMULA_IN_JSON = rf"""{_BEHIND}(?={_SPACES}(?:[=+@\uff1d\uff0b\uff0d\uff20]|-(?![0-9.eE+\-]*["\]}},])))"""
"""In JSON, which stays JSON and keeps its numbers, those that stand in texts too."""
