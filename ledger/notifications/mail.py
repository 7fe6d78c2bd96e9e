"""One message by SMTP: a connection of its own, bounded by the wall clock, and an end that says whether to try again.

The ``Message-ID`` is the event's and the channel's: whatever is sent twice has the same, and mail systems drop it.
"""

import asyncio
import ssl
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from functools import lru_cache
from typing import Final

import aiosmtplib
import structlog

from ledger.kit import failpoints
from ledger.kit.mail import MailServer, Sender
from ledger.notifications.message import Message, as_html, plain
from ledger.notifications.rules import Ended
from ledger.settings import Settings

log = structlog.get_logger(__name__)

TOTAL_S: Final = 30.0
STEP_S: Final = 10.0
"""The longest that the server may take to answer one command."""

DETAIL_MAX: Final = 200


class Mailer:
    """The way to the operator's mail server."""

    def __init__(self, server: MailServer, sender: Sender, *, total_s: float = TOTAL_S) -> None:
        self.server = server
        self.sender = sender
        self._total_s = total_s

    async def send(self, message: Message, to: str, id_: str, at: datetime) -> Ended:
        """Send it once. ``id_``: the part of the Message-ID before the @; raises nothing that a server can cause."""
        try:
            mail = self.written(message, to, id_, at)
        except ValueError as error:
            log.error("mail.not_written", detail=str(error))
            return Ended("refused", "the message cannot be written as mail")
        try:
            async with asyncio.timeout(self._total_s):
                await self._sent(mail, to)
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPResponseException) as error:
            return _ended(error)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:  # TimeoutError is an OSError
            detail = str(error).strip() or f"not done within {self._total_s:g} seconds"
            log.warning("mail.not_sent", server=self.server.host, error=type(error).__name__, detail=detail)
            return Ended("again", "the mail server could not be used")
        return Ended("sent")

    async def check(self) -> str:
        """Connect and log in, and send nothing; gives how. Raises SMTPException or OSError where that cannot be."""
        client = self._client()
        try:
            async with asyncio.timeout(self._total_s):
                await client.connect()
                secured = client.transport is not None and client.transport.get_extra_info("ssl_object") is not None
        finally:
            client.close()
        return f"{'with' if secured else 'without'} TLS, {'logged in' if self.server.user else 'without a login'}"

    def written(self, message: Message, to: str, id_: str, at: datetime) -> EmailMessage:
        """The mail. Raises ValueError for what would end a line of a header; a ``Message`` has none."""
        mail = EmailMessage(policy=SMTP_POLICY)
        mail["From"] = Address(self.sender.name, addr_spec=self.sender.address)
        mail["To"] = to
        # What looks like an encoded word would be read as one, line ends and all, here or by whoever shows the mail.
        mail["Subject"] = message.subject.replace("=?", "= ?")
        mail["Date"] = format_datetime(at)
        mail["Message-ID"] = f"<{id_}@{self.sender.domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        mail.set_content(plain(message))
        mail.add_alternative(as_html(message), subtype="html")
        return mail

    async def _sent(self, mail: EmailMessage, to: str) -> None:
        client = self._client()
        try:
            await client.connect()
            await client.sendmail(self.sender.address, [to], mail.as_bytes())
            # It is the server's now: how the farewell ends is all the same, so there is none.
            await failpoints.reach("notifications.after_mail")
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        server = self.server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            timeout=STEP_S,
            use_tls=server.tls == "implicit",
            start_tls={"implicit": False, "off": False, "required": True, "offered": None}[server.tls],
            tls_context=_trust(server.ca_file),
            local_hostname=self.sender.domain,
        )


def mailer_of(settings: Settings) -> Mailer | None:
    """The way to the mail server; None where none is set."""
    if settings.smtp_url is None or settings.mail_from is None:
        return None
    return Mailer(MailServer.read(settings.smtp_url), Sender.read(settings.mail_from))


def _ended(error: aiosmtplib.SMTPRecipientsRefused | aiosmtplib.SMTPResponseException) -> Ended:
    """5xx about the recipient or the message is for ever. What the server says of us, an operator can mend."""
    cause = error.recipients[0] if isinstance(error, aiosmtplib.SMTPRecipientsRefused) else error
    detail = f"the mail server answered {cause.code} {' '.join(str(cause.message).split())}"[:DETAIL_MAX]
    about_us = not isinstance(cause, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError)
    if about_us:
        log.warning("mail.not_sent", error=type(cause).__name__, detail=detail)
        return Ended("again", "the mail server could not be used")
    return Ended("refused" if 500 <= cause.code < 600 else "again", detail)


@lru_cache(maxsize=4)
def _trust(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context
