"""A real mail server on this machine that keeps what it takes, and can be out of order in every phase."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from ledger.embedded.places import free_port

USER, PASSWORD = "ledger", "p:a@ss/word"


@dataclass
class PostOffice:
    """``says`` is what is answered to the next messages, ``to_rcpt`` to their recipients; then 250.

    ``hang`` answers DATA never; ``drop`` takes the message, and ends the connection before it says so.
    """

    port: int = 0
    says: list[str] = field(default_factory=list)
    to_rcpt: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)
    logged_in: list[bool] = field(default_factory=list)

    async def handle_RCPT(
        self, server: Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_rcpt:
            return self.to_rcpt.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        says = self.says.pop(0) if self.says else "250 OK"
        if says == "hang":
            await asyncio.sleep(60)
        assert isinstance(envelope.content, bytes)
        if says.startswith(("250", "drop")):
            self.mails.append(cast(EmailMessage, message_from_bytes(envelope.content, policy=default)))
            self.recipients.append(envelope.rcpt_tos)
            self.secured.append(session.ssl is not None)
            self.logged_in.append(bool(session.authenticated))
        if says == "drop":
            cast(Any, server.transport).abort()
            return "250 never said"
        return says

    def ids(self) -> list[str]:
        return [str(mail["Message-ID"]) for mail in self.mails]

    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails]

    def text(self, place: int = -1) -> str:
        part = self.mails[place].get_body(("plain",))
        assert part is not None
        return str(part.get_content())


@contextmanager
def post_office(
    *, starttls: ssl.SSLContext | None = None, implicit: ssl.SSLContext | None = None, login: bool = False
) -> Iterator[PostOffice]:
    office = PostOffice()

    def right(server: Server, session: Session, envelope: Envelope, mechanism: str, given: LoginPassword) -> AuthResult:
        fits = given == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=fits, handled=False)

    options: dict[str, Any] = {}
    if login:
        options = {"authenticator": right, "auth_required": implicit is None, "auth_require_tls": implicit is None}
    controller = Controller(
        office,
        hostname="127.0.0.1",
        port=free_port(),
        ssl_context=implicit,
        tls_context=starttls,
        require_starttls=starttls is not None,
        **options,
    )
    controller.start()
    try:
        office.port = controller.port
        yield office
    finally:
        controller.stop()
