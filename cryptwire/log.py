"""The only door to the log: one line an event, ``key=value`` after the message, secrets cut out."""

import logging
import re
import sys
import time
from typing import Any

_NAMES = r"(?:access[-_]?token|refresh[-_]?token|client[-_]?secret|password|api[-_]?secret|api[-_]?key)"
_HEADER = re.compile(r"(?i)((?:authorization|cookie)[\"']?\s*[=:]\s*)([^\n]+)")
_QUOTED = re.compile(rf"(?i)({_NAMES}[\"']?\s*[=:]\s*)([\"'])(.*?)(?<!\\)\2")
_PLAIN = re.compile(rf"(?i)({_NAMES}\s*[=:]\s*)([^\s\"',&;}}]+)")
_OURS = ("cryptwire", "api", "gateway", "webhook", "streamer", "tracker", "candles", "processor", "replay", "devstack")
_SHOWN = re.compile(r"\b(cwp_|whsec_|eyJ)[A-Za-z0-9_.+/=-]{16,}")  # personal tokens, webhooks' secrets, JWT
_IN_LINKS = re.compile(r"(?i)([?&](?:token|code|state|checkout)=)([^&\s\"'#]+)")  # of mails, of consent, of payment
_URL_PASSWORD = re.compile(r"(://[^:/@\s]*:)([^@/\s]+)(@)")


def redacted(text: str) -> str:
    """``text`` without the values of what is named or looks like a secret, and without those in addresses.

    Of the headers Authorization and Cookie nothing to the end of the line is left.
    """
    text = _HEADER.sub(r"\1***", text)
    text = _IN_LINKS.sub(r"\1***", _SHOWN.sub(r"\1***", text))
    text = _QUOTED.sub(r"\1\2***\2", text)
    return _URL_PASSWORD.sub(r"\1***\3", _PLAIN.sub(r"\1***", text))


class _Lines(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__(f"%(asctime)s.%(msecs)03dZ {service} %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def setup(service: str, level: str = "INFO") -> None:
    """Send the log of this process to standard error; the libraries' own chatter only from warnings up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel("WARNING")
    for ours in _OURS:
        logging.getLogger(ours).setLevel(level)


class Log:
    """A logger whose events carry fields."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def info(self, event: str, **fields: Any) -> None:
        self._logger.info("%s", _line(event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        self._logger.warning("%s", _line(event, fields))

    def error(self, event: str, *, exception: BaseException | None = None, **fields: Any) -> None:
        self._logger.error("%s", _line(event, fields), exc_info=exception)


def _line(event: str, fields: dict[str, Any]) -> str:
    line = " ".join([event, *(f"{key}={value!s}" for key, value in fields.items())])
    return line.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
