"""Mail as an operator and users name it: the server of LEDGER_SMTP_URL, who sends, and addresses. Pure.

smtp://host:587                      STARTTLS where the server offers it
smtp://user:password@host:587        STARTTLS, or nothing is sent
smtps://user:password@host           TLS from the first byte, port 465
…?tls=required|offered|off           otherwise than that
…?ca=/etc/ssl/mail.pem               certificates that the server's may be signed by, besides the system's
"""

import re
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

import idna

Tls = Literal["implicit", "required", "offered", "off"]

ADDRESS_CHARACTERS_MAX: Final = 254
_LOCAL_MAX: Final = 64
_NAME_MAX: Final = 100

_ATOM: Final = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*", re.ASCII)
_LABEL: Final = re.compile("[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_SENDER: Final = re.compile(r'(?:"([^"<>]*)"|([^"<>]*?)) *<([^<>]+)>')
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_PORTS: Final = {"smtp": 587, "smtps": 465}
_TLS: Final[dict[str, Tls]] = {"required": "required", "offered": "offered", "off": "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A server that takes mail from us. ``tls``: from the first byte, by STARTTLS always or where offered, or not."""

    host: str
    port: int
    tls: Tls
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None

    @classmethod
    def read(cls, url: str) -> "MailServer":
        """Raises ValueError, which shows nothing of the URL."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or parts.fragment:
            raise ValueError("must be smtp://user:password@host:587 or smtps://user:password@host")
        if (parts.username is None) != (parts.password is None) or parts.username == "":
            raise ValueError("must have both a user and a password, or neither")
        given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        asked, ca_file = given.pop("tls", None), given.pop("ca", None)
        if given or (asked is not None and (asked not in _TLS or parts.scheme == "smtps")):
            raise ValueError("may be followed by ?tls=required, offered or off (of smtp://), and ca=")
        if ca_file is not None and not ca_file.startswith("/"):
            raise ValueError("must have the absolute path of a file as ca=")
        logs_in = parts.username is not None
        tls: Tls = "required" if logs_in else "offered"
        if parts.scheme == "smtps":
            tls = "implicit"
        elif asked is not None:
            tls = _TLS[asked]
        return cls(
            host=parts.hostname,
            port=_PORTS[parts.scheme] if parts.port is None else _port(parts.port),
            tls=tls,
            user=unquote(parts.username) if parts.username is not None else None,
            password=unquote(parts.password) if parts.password is not None else None,
            ca_file=ca_file,
        )


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom mail comes from."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    @classmethod
    def read(cls, text: str) -> "Sender":
        """Of ``billing@example.com`` or ``Credits <billing@example.com>``. Raises ValueError."""
        found = _SENDER.fullmatch(text)
        if found is None:
            return cls("", mail_address(text))
        name = found[1] or found[2] or ""
        if _CONTROL.search(name) or len(name) > _NAME_MAX:
            raise ValueError(f"must have a name of at most {_NAME_MAX} characters, on one line")
        return cls(name.strip(), mail_address(found[3]))


def mail_address(text: str) -> str:
    """The address in the one spelling that is used: an ASCII name, and the domain as DNS has it, in small letters.

    What RFC 5321 allows and nobody has (quoted names, comments, addresses of machines) is refused: parsers disagree
    about it, which is what whoever smuggles a second recipient lives by. Raises ValueError.
    """
    local, _, domain = text.rpartition("@")
    if not _LOCAL.fullmatch(local) or len(local) > _LOCAL_MAX:
        raise ValueError("must be an address such as name@example.com, with a name of ASCII letters, digits and signs")
    try:
        ascii_domain = domain.lower() if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except UnicodeError:  # idna.IDNAError is one
        raise ValueError("must have a domain behind the @ that exists in DNS") from None
    labels = ascii_domain.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("must have a domain behind the @, such as example.com")
    address = f"{local}@{ascii_domain}"
    if len(address) > ADDRESS_CHARACTERS_MAX:
        raise ValueError(f"must have at most {ADDRESS_CHARACTERS_MAX} characters")
    return address


def one_line(text: str) -> str:
    """The text without anything that ends a line or steers a terminal: fit for a header."""
    return " ".join(_CONTROL.sub(" ", text).split())


def _port(port: int) -> int:
    if port < 1:
        raise ValueError("must have a port from 1 to 65535")
    return port
