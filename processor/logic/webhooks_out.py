"""What a user's webhook is called with, signed by the Standard Webhooks scheme (standardwebhooks.com).

``webhook-signature`` is ``v1,`` and the base64 of HMAC-SHA256 over ``<webhook-id>.<webhook-timestamp>.<body>``; the key
is what follows ``whsec_`` in the secret, base64 decoded.
"""

import base64
import hashlib
import hmac
import json
from datetime import datetime

from cryptwire.texts import Text

SECRET = "whsec_"  # noqa: S105 - how every secret begins


def body_of(
    kind: str, about: str, at: datetime, number: int, hopper: str | None, facts: dict[str, str], text: Text
) -> bytes:
    """The notice as JSON; its words are ours, its facts are for programs."""
    content = {
        "type": kind,
        "timestamp": at.isoformat().replace("+00:00", "Z"),
        "data": {
            "id": str(number),
            "about": about.replace("-", "_").upper(),
            "hopperId": hopper,
            "title": text.subject,
            "text": "\n\n".join(text.paragraphs),
            "facts": facts,
        },
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def headers_of(id: str, at: datetime, body: bytes, secret: bytes) -> dict[str, str]:
    """The headers of a call; ``id`` is the same at every try, ``at`` is when this one is made."""
    stamp = str(int(at.timestamp()))
    signature = hmac.digest(secret, f"{id}.{stamp}.".encode() + body, hashlib.sha256)
    return {
        "content-type": "application/json",
        "user-agent": "Cryptwire-Webhooks/1",
        "webhook-id": id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }
