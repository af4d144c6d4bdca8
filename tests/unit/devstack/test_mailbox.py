"""The mails of a development stack are shown as they are and can do nothing there."""

from pathlib import Path

import aiohttp
import aiosmtplib

from cryptwire.runtime import serving
from devstack.mailbox.kept import Kept
from devstack.mailbox.page import PATH, mailbox
from devstack.mailbox.server import receiving

MAIL = (
    b"From: x@y.z\r\nSubject: <b>Hello</b>\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b"<script>alert(1)</script>\r\n"
)


async def test_a_mail_is_listed_and_shown_in_a_sandbox(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    await kept.add(["a<script>@example.com"], MAIL)
    async with serving(mailbox(kept), "127.0.0.1", 0) as port, aiohttp.ClientSession() as http:
        base = f"http://127.0.0.1:{port}{PATH}"
        for page in (base, f"{base}/000000000001"):
            async with http.get(page) as answer:
                text = await answer.text()
                assert "&lt;b&gt;Hello" in text
                assert "<script>" not in text
                assert "default-src 'none'" in answer.headers["content-security-policy"]
        async with http.get(f"{base}/000000000001/html") as answer:
            assert "<script>" in await answer.text()  # as it is, where it cannot run
            assert answer.headers["content-security-policy"].startswith("sandbox ")
            assert "allow-scripts" not in answer.headers["content-security-policy"]
        async with http.get(f"{base}.json") as answer:
            (mail,) = await answer.json()
            assert (mail["to"], mail["subject"]) == ("a<script>@example.com", "<b>Hello</b>")
        for none in ("2", "x", "..%2f..%2fsecrets", "000000000002"):
            async with http.get(f"{base}/{none}") as answer:
                assert answer.status == 404


async def test_a_mail_is_kept_once_for_each_of_its_readers(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    async with receiving(kept) as port:
        readers = ["a@example.com", "b@example.com"]
        await aiosmtplib.send(
            MAIL.decode(), sender="x@y.z", recipients=readers, hostname="127.0.0.1", port=port, start_tls=False
        )
    assert sorted(mail.to for mail in kept.newest()) == readers
