"""The way to a mail server: TLS, logins, and what keeps us from it."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import aiosmtplib
import pytest

from ledger.cli.doctor import examine
from ledger.kit.mail import MailServer, Sender
from ledger.notifications.mail import Mailer
from ledger.notifications.message import About, message_of
from ledger.notifications.rules import Ended
from tests.kit.egress.pki import Authority
from tests.notifications.postoffice import PASSWORD, USER, PostOffice, post_office

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MESSAGE = message_of(
    "balance.low", {"free": "74.5", "threshold": "100"}, About("wal_0GJkz3mQx7B", "the wallet of acme")
)
NOT_USED = Ended("again", "the mail server could not be used")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def mailer(office: PostOffice, scheme: str = "smtp", login: str = "", query: str = "") -> Mailer:
    server = MailServer.read(f"{scheme}://{login}127.0.0.1:{office.port}{query}")
    return Mailer(server, Sender.read("Crédits, Ltd. <billing@example.com>"), total_s=3)


async def sent(way: Mailer) -> Ended:
    return await way.send(MESSAGE, "jane@example.com", "evt_1.chn_1", NOW)


LOGIN = f"{USER}:{quote(PASSWORD, safe='')}@"


async def test_a_password_is_sent_over_starttls(authority: Authority) -> None:
    """And nothing is sent where the server does not offer it."""
    with post_office(starttls=authority.server("127.0.0.1"), login=True) as office:
        way = mailer(office, login=LOGIN, query=f"?ca={authority.file}")
        assert Ended("sent") == await sent(way)
        assert ([True], [True]) == (office.secured, office.logged_in)
        assert "with TLS, logged in" == await way.check()
        wrong = mailer(office, login=f"{USER}:wrong@", query=f"?ca={authority.file}")
        assert NOT_USED == await sent(wrong)
        with pytest.raises(aiosmtplib.SMTPAuthenticationError):
            await wrong.check()
    with post_office() as office:
        assert NOT_USED == await sent(mailer(office, login=LOGIN))
        assert NOT_USED == await sent(mailer(office, query="?tls=required"))
        assert [] == office.mails


async def test_tls_from_the_first_byte(authority: Authority) -> None:
    with post_office(implicit=authority.server("127.0.0.1"), login=True) as office:
        assert Ended("sent") == await sent(mailer(office, "smtps", LOGIN, f"?ca={authority.file}"))
        assert [True] == office.logged_in


@pytest.mark.parametrize("names", [("other.example.com",), ("127.0.0.1",)])
async def test_a_certificate_that_is_not_the_servers_is_not_believed(authority: Authority, names: tuple[str]) -> None:
    """Of another host, or by nobody whom we trust; where TLS is only offered, too."""
    trusted = "" if names == ("127.0.0.1",) else f"?ca={authority.file}"
    certificate: ssl.SSLContext = authority.server(*names)
    with post_office(starttls=certificate) as office:
        assert NOT_USED == await sent(mailer(office, query=trusted))
        assert [] == office.mails


async def test_a_mail_is_of_plain_text_and_html() -> None:
    """With headers that tell robots not to answer, and a name that needs quotes."""
    with post_office() as office:
        assert Ended("sent") == await sent(mailer(office))
        (mail,) = office.mails
    assert "Crédits, Ltd. <billing@example.com>" == str(mail["From"]).replace('"', "")
    headers = {name: mail[name] for name in ("To", "Subject", "Message-ID", "Auto-Submitted")}
    assert headers == {
        "To": "jane@example.com",
        "Subject": "Credits are running low: 74.5 left in the wallet of acme",
        "Message-ID": "<evt_1.chn_1@example.com>",
        "Auto-Submitted": "auto-generated",
    }
    assert NOW == mail["Date"].datetime
    kinds = [part.get_content_type() for part in mail.iter_parts()]
    assert ["text/plain", "text/html"] == kinds


async def test_a_header_with_a_line_end_is_never_written() -> None:
    """Whatever a message says: it is refused before anything is sent."""
    with post_office() as office:
        broken = MESSAGE._replace(subject="x\r\nBcc: all@example.com")
        ended = await mailer(office).send(broken, "jane@example.com", "id", NOW)
        assert Ended("refused", "the message cannot be written as mail") == ended
        assert [] == office.mails


async def test_nobody_listens() -> None:
    with post_office() as office:
        way = mailer(office)
    assert NOT_USED == await sent(way)


def test_doctor_looks_at_the_mail_server() -> None:
    """Whether it can be used, with what to do where it cannot; nothing of the password is shown."""

    def seen(**environ: str) -> tuple[str, str, str]:
        (found,) = [one for one in examine(environ) if one.what == "mail"]
        return found.state, found.seen, found.advice

    assert "warn" == seen()[0]
    with post_office() as office:
        url = f"smtp://127.0.0.1:{office.port}"
        given = {"LEDGER_SMTP_URL": url, "LEDGER_MAIL_FROM": "billing@example.com"}
        assert ("ok", f"{url}: without TLS, without a login, from billing@example.com", "") == seen(**given)
        needs_tls = given | {"LEDGER_SMTP_URL": f"smtp://u:secret@127.0.0.1:{office.port}"}
        state, what, advice = seen(**needs_tls)
        assert "fail" == state
        assert "secret" not in what + advice
        assert "tls=off" in advice
    state, _, advice = seen(**given)
    assert ("fail", True) == (state, "LEDGER_SMTP_URL" in advice)


def test_a_mailer_shows_no_password() -> None:
    server = replace(MailServer.read("smtp://m"), user="u", password="secret")
    assert "secret" not in repr(server)
