"""Mails over SMTP: aiosmtplib."""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

import aiosmtplib

from cryptwire.errors import Invalid, Refused, Unavailable
from processor.logic.mails import Letter, without

_SECONDS = 20.0  # of one answer
_ALL_SECONDS = 40.0
_PORTS = {"smtp": 587, "smtps": 465}
_LOCAL = ("localhost", "127.0.0.1", "::1")
_PERMANENT = 500


class Smtp:
    """A mail server at ``url``: ``smtp://user:password@host:587`` or ``smtps://…:465``.

    Without TLS from the first byte it must offer STARTTLS, unless it is on this machine.
    """

    def __init__(self, url: str, sender: str, now: Callable[[], datetime]) -> None:
        parts = urlsplit(url)
        try:
            if parts.scheme not in _PORTS or not parts.hostname:
                raise ValueError
            self._port = parts.port or _PORTS[parts.scheme]
        except ValueError:
            raise Invalid("CRYPTWIRE_PROCESSOR_SMTP_URL is like smtp://user:password@host:587 or smtps://…") from None
        self._host = parts.hostname
        self._is_tls = parts.scheme == "smtps"
        self._needs_starttls = None if self._is_tls or self._host in _LOCAL else True
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        found = re.fullmatch(r"(?:([^<>]*)<)?([^<>@\s]+@[^<>@\s]+)>?", sender.strip())
        if found is None:
            raise Invalid("CRYPTWIRE_PROCESSOR_MAIL_FROM is like Cryptwire <notices@example.com>")
        self._sender = Address((found[1] or "").strip(), addr_spec=found[2])
        self._now = now

    async def send(self, id: str, address: str, letter: Letter) -> None:
        message = self._message(id, address, letter)
        try:
            async with asyncio.timeout(_ALL_SECONDS):
                await aiosmtplib.send(
                    message,
                    sender=self._sender.addr_spec,
                    recipients=[address],
                    hostname=self._host,
                    port=self._port,
                    username=self._user,
                    password=self._password,
                    use_tls=self._is_tls,
                    start_tls=None if self._is_tls else self._needs_starttls,
                    timeout=_SECONDS,
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            first = error.recipients[0]
            raise _failure(first.code, first.message, address) from None
        except aiosmtplib.SMTPDataError as error:
            raise _failure(error.code, error.message, address) from None
        except aiosmtplib.SMTPNotSupported as error:  # an address that this server cannot write
            raise Refused(without(str(error), address)) from None
        except aiosmtplib.SMTPResponseException as error:  # of us, not of this mail: who we are, whence we send
            raise Unavailable(f"the mail server refuses us: {error.code} {without(error.message, address)}") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Unavailable(f"the mail server is away ({type(error).__name__})") from None

    def _message(self, id: str, address: str, letter: Letter) -> EmailMessage:
        """Raises Refused when no mail can have this address."""
        message = EmailMessage(policy=SMTP)
        try:
            message["To"] = Address(addr_spec=address)
        except (MessageError, ValueError, IndexError, LookupError):
            raise Refused("this is no address of a mailbox") from None
        message["From"] = self._sender
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(self._now())
        message["Message-ID"] = f"<{id}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        return message


def _failure(code: int, said: str, address: str) -> Refused | Unavailable:
    words = f"{code} {without(said, address)}"
    return Refused(words) if code >= _PERMANENT else Unavailable(words)
