"""Mails in a folder, one file each; the newest 500."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

MOST = 500
_NAME = re.compile(r"[0-9]{12}\.eml", re.ASCII)


@dataclass(frozen=True, slots=True)
class KeptMail:
    """A mail that was sent. ``to`` is whom the server was told, ``at`` the mail's own date."""

    number: str
    to: str
    subject: str
    at: str
    id: str
    text: str
    html: str


class Kept:
    """The folder. Numbers grow with time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = asyncio.Lock()

    async def add(self, recipients: Sequence[str], content: bytes) -> None:
        """Keep a mail, once for each of those it goes to."""
        async with self._lock:
            for recipient in recipients:
                names = self._names()
                number = int(names[-1][:12]) + 1 if names else 1
                head = f"X-Sent-To: {' '.join(recipient.split())}\r\n".encode()
                fresh = self._folder / f"{number:012d}.new"
                fresh.write_bytes(head + content)
                fresh.rename(self._folder / f"{number:012d}.eml")
                for name in names[: max(0, len(names) + 1 - MOST)]:
                    (self._folder / name).unlink(missing_ok=True)

    def newest(self) -> list[KeptMail]:
        """All, newest first."""
        return [mail for name in reversed(self._names()) if (mail := self.one(name[:12])) is not None]

    def one(self, number: str) -> KeptMail | None:
        """One mail; None when it is not there."""
        if not _NAME.fullmatch(f"{number}.eml"):
            return None
        try:
            content = (self._folder / f"{number}.eml").read_bytes()
        except FileNotFoundError:
            return None
        message = BytesParser(EmailMessage, policy=policy.default).parsebytes(content)
        return KeptMail(
            number,
            str(message["X-Sent-To"]),
            str(message["Subject"] or ""),
            str(message["Date"] or ""),
            str(message["Message-ID"] or "").strip("<>"),
            _body(message, "plain"),
            _body(message, "html"),
        )

    def _names(self) -> list[str]:
        return sorted(path.name for path in self._folder.iterdir() if _NAME.fullmatch(path.name))


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return "" if part is None else str(part.get_content())
