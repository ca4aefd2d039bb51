"""A mail server that delivers nowhere: every message is kept as .eml and, to be looked at, as one .html file."""

import argparse
import base64
import re
import signal
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

LIMIT = 64 * 1024**2


class Keep:
    """aiosmtpd's handler: writes each message to `folder`, numbered in the order of arrival."""

    def __init__(self, folder: Path):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keeps one message."""
        content = envelope.original_content or b""
        message = message_from_bytes(content, policy=policy.default)
        stem = self._stem(str(message["subject"] or ""))
        (self.folder / f"{stem}.eml").write_bytes(content)
        if page := as_page(message):
            (self.folder / f"{stem}.html").write_text(page, encoding="utf-8")
        return "250 OK"

    def _stem(self, subject: str) -> str:
        """A file name that sorts by arrival and tells the subject."""
        last = max((int(m[1]) for p in self.folder.glob("*.eml") if (m := re.match(r"(\d+)", p.name))), default=0)
        words = re.sub(r"[^\w-]+", "_", subject).strip("_")[:60]
        return f"{last + 1:04d}_{words}" if words else f"{last + 1:04d}"


def as_page(message: EmailMessage) -> str | None:
    """The HTML part with its inline pictures put into the page itself; None for a message without one."""
    body = message.get_body(preferencelist=("html",))
    if body is None:
        return None
    page = str(body.get_content())
    for part in message.walk():
        if (name := part.get("Content-ID")) and part.get_content_maintype() == "image":
            picture = part.get_payload(decode=True)
            assert isinstance(picture, bytes)
            inline = f"data:{part.get_content_type()};base64,{base64.b64encode(picture).decode()}"
            page = page.replace(f"cid:{name.strip('<> ')}", inline)
    return page


def main() -> None:
    """Receives until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    controller = Controller(Keep(given.folder), hostname="127.0.0.1", port=given.port, data_size_limit=LIMIT)
    controller.start()
    over.wait()
    controller.stop()


if __name__ == "__main__":
    main()
