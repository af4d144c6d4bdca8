"""Mails: several posts that look for what is due each second."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryptwire.codec.one_time import OneTimeKey
from cryptwire.errors import Invalid
from cryptwire.log import Log
from cryptwire.storage.mails import Mails
from cryptwire.storage.notices import Notices
from cryptwire.storage.one_time_tokens import OneTimeTokens
from cryptwire.texts import Texts
from processor.adapters.smtp import Smtp
from processor.handlers.looking import looking
from processor.handlers.mails import Composer, Post
from processor.mails import FOLDER
from processor.parts import Part, Tools

_log = Log(__name__)
_POSTS = 4


@asynccontextmanager
async def mailing(tools: Tools) -> AsyncIterator[Part]:
    """Without a mail server nothing is sent: mails wait in their table."""
    settings, runtime = tools.settings, tools.runtime
    if settings.smtp_url is None:
        _log.warning("no mail is sent: CRYPTWIRE_PROCESSOR_SMTP_URL is not set")
        yield Part()
        return
    if settings.mail_key is None:
        raise Invalid("CRYPTWIRE_PROCESSOR_MAIL_KEY is not set: the file with the key for links in mails")
    key = OneTimeKey.read_from(settings.mail_key)
    transport = Smtp(settings.smtp_url, settings.mail_from, runtime.clock.now)
    composer = Composer(Texts(FOLDER), Texts(), key, settings.public_url, OneTimeTokens(tools.rows))
    post = Post(
        Mails(tools.rows),
        Notices(tools.rows),
        composer,
        transport,
        runtime.clock,
        runtime.meters,
        operators=settings.operators_mail,
    )
    yield Part(work=[looking("mails", post.send_due, runtime.clock, settings.look_every) for _ in range(_POSTS)])
