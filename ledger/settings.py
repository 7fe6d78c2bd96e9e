"""Everything that can be set from outside, read once from the environment.

A setting is a field of `Settings`; its variable is `LEDGER_` and the field's name in capitals.
What a number may be stands in `BOUNDS`, once, and the docs are checked against it. Nothing here
connects to anything: a setting that is well formed and wrong is found by `credit-ledger doctor`.

    SettingsError     a variable is missing or not what it may be; the message names it, its value
                      and what is allowed
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

from ledger.kit import failpoints
from ledger.kit.egress.allow import AllowList
from ledger.kit.egress.proxy import Proxy
from ledger.kit.mail import MailServer, Sender
from ledger.kit.money import scale_of

PREFIX = "LEDGER_"

LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("json", "console")
ENVIRONMENTS = ("production", "test")

BOUNDS: dict[str, tuple[int, int]] = {
    "port": (1, 65_535),
    "db_pool_size": (1, 200),
    "batch_commands_max": (1, 5_000),
    "statement_timeout_ms": (100, 600_000),
    "lock_timeout_ms": (50, 60_000),
    "idle_in_transaction_timeout_ms": (100, 600_000),
    "events_days": (7, 3_650),
    "task_limit_s": (2, 3_600),
    "webhook_couriers": (1, 16),
}
"""Lowest and highest value of each number, both allowed."""


_RATE = re.compile(r"(?!0(?:\.0+)?$)(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,9})?", re.ASCII)
"""Credits for a unit of a currency: more than zero, up to nine digits and nine decimals."""


_MONEY = re.compile(r"(?!0(?:\.0+)?$)(?:0|[1-9][0-9]{0,7})(?:\.[0-9]{1,3})?", re.ASCII)

LEAST, MOST = Decimal(1_000), Decimal(1_000_000)
"""In hundredths, or of a currency that has none in units: about $10 and $10,000 where the settings say nothing."""

STRIPE_MOST = 99_999_999
"""The largest payment that Stripe takes, in the smallest unit of the currency: eight digits."""


class SettingsError(ValueError):
    """A setting is missing or not allowed. The message is made to be shown as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process. Secrets are left out of its repr.

    Attributes:
        database_url: PostgreSQL 16 to 18, `postgresql://user@host:port/name`, or over a unix socket
            `postgresql://user@/name?host=/directory`. Needed by everything but `up`.
        redis_url: Redis or Valkey, `redis://host:port/0`, `rediss://…` or `unix:///path?db=0`. It
            holds nothing of value: tasks on their way, and rate limits.
        stripe_api_key: secret or restricted key of the Stripe account, `sk_…` or `rk_…`.
        stripe_webhook_secret: signing secret of the Stripe webhook endpoint, `whsec_…`; while it is rolled over, the
            new one and the old one, separated by a comma.
        stripe_api_base: address that Stripe is called at; the sandbox's, where one is used.
        public_url: address at which customers reach this service, for links to pay; by default the one it listens on.
        settlement_currency: currency in which Stripe settles, the only one that payments are taken in: an ISO code.
        payment_least: the least that one payment can be of, in the settlement currency; by default 10, in a currency
            without decimals 1,000.
        payment_most: the most that one payment can be of; by default 10,000, in a currency without decimals 1,000,000.
            Stripe takes eight digits.
        automatic_tax: whether Stripe Tax adds tax to what links are of; it must be set up at Stripe.
        payment_methods: what payment links can be paid by, in Stripe's names, separated by commas.
        terms_url: address of the terms that customers pay under, shown with each payment link.
        host: address the API listens on.
        port: TCP port the API listens on, 1 to 65535.
        log_level: debug, info, warning or error.
        log_format: json (one object a line) or console (for people).
        db_pool_size: connections that one process keeps open at most, 1 to 200.
        batch_commands_max: commands that share one database transaction at most, 1 to 5000.
        statement_timeout_ms: a statement that runs longer is cancelled, 100 to 600000 milliseconds.
        lock_timeout_ms: a statement that waits longer for a lock is cancelled, 50 to 60000
            milliseconds; below the time for a statement, or it could never be the one that fires.
        idle_in_transaction_timeout_ms: a transaction left open longer without a statement is ended
            with its connection, 100 to 600000 milliseconds.
        postgres_bin: directory of PostgreSQL's client programs (pg_dump, pg_basebackup …), for backups
            and restores; by default those on PATH.
        anchor_key: private key that anchors are signed with, `ask_…`, or the absolute path of a file
            that holds it. Without it nothing is sealed.
        anchor_public_keys: further public keys whose anchors `verify` trusts, `apk_…`, separated by
            commas: those of earlier private keys, or of one that this process does not have.
        secret_keys: keys that secrets in the database are encrypted with, `sek_…`, separated by commas, or the
            absolute path of a file that holds them. The first encrypts, all decrypt. Without them no webhook
            endpoint can be made.
        credits_per_unit: what a unit of each currency is in credits, for prices in that currency: a JSON object
            such as {"USD":"10"}, with decimal strings or whole numbers. A currency that it does not name has no rate.
        events_days: how long events are kept to be read and delivered again, in days, 7 to 3650.
        task_limit_s: a background task that runs longer is ended with its process, 2 to 3600 seconds. A
            task whose worker fell silent goes to another one after four times it.
        egress_allow: receivers that users may name besides public ones: networks, addresses and hosts, with or without
            a port, separated by commas.
        egress_proxy: HTTP proxy by which public receivers are called, `http://user:password@host:3128`. Those of
            the environment are never used.
        egress_ca_file: absolute path of certificates in PEM that receivers may be signed by, besides the public ones.
        webhook_couriers: processes that deliver webhooks at a time, among all workers, 1 to 16; each takes a child of
            its worker.
        smtp_url: mail server that notifications are sent by, `smtp://user:password@host:587` or `smtps://…`. Without it
            no notification can be had by e-mail.
        mail_from: whom mail comes from, `Credits <billing@example.com>`; goes with `smtp_url`.
        metrics_token: what Prometheus must present to read `/metrics`, 16 to 255 visible ASCII characters; without it
            anybody may.
        test_clock: whether the clock of the ledger may be set forward (tests and the sandbox only).
        environment: production or test; what breaks the service on purpose is refused in production.
        failpoints: where a process is to fail, for fault tests: `unit.before_commit:kill@3`. Refused
            unless the environment is test.
    """

    database_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    stripe_api_key: str | None = field(default=None, repr=False)
    stripe_webhook_secret: str | None = field(default=None, repr=False)
    stripe_api_base: str = "https://api.stripe.com"
    public_url: str | None = None
    settlement_currency: str = "USD"
    payment_least: str | None = None
    payment_most: str | None = None
    automatic_tax: bool = False
    payment_methods: str = "card,us_bank_account"
    terms_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8400
    log_level: str = "info"
    log_format: str = "json"
    db_pool_size: int = 10
    batch_commands_max: int = 500
    statement_timeout_ms: int = 5_000
    lock_timeout_ms: int = 2_000
    idle_in_transaction_timeout_ms: int = 10_000
    postgres_bin: str | None = None
    anchor_key: str | None = field(default=None, repr=False)
    anchor_public_keys: str | None = None
    secret_keys: str | None = field(default=None, repr=False)
    credits_per_unit: str = '{"USD":"10"}'
    events_days: int = 90
    task_limit_s: int = 120
    egress_allow: str | None = None
    egress_proxy: str | None = field(default=None, repr=False)
    egress_ca_file: str | None = None
    webhook_couriers: int = 1
    smtp_url: str | None = field(default=None, repr=False)
    mail_from: str | None = None
    metrics_token: str | None = field(default=None, repr=False)
    test_clock: bool = False
    environment: str = "production"
    failpoints: str | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings from these variables; an empty one counts as not set.

        Raises:
            SettingsError: a value is not allowed.
        """
        given = {f.name: environ.get(variable(f.name), "").strip() for f in fields(cls)}
        settings = cls(**{name: _READERS[name](name, text) for name, text in given.items() if text})  # type: ignore[arg-type]
        if settings.lock_timeout_ms > settings.statement_timeout_ms:
            raise SettingsError(
                f"LEDGER_LOCK_TIMEOUT_MS is {settings.lock_timeout_ms}, above "
                f"LEDGER_STATEMENT_TIMEOUT_MS ({settings.statement_timeout_ms}): a statement would "
                "be cancelled before its wait for a lock is. Make it the smaller of the two."
            )
        if settings.smtp_url is not None:
            settings.require("mail_from")
        _check_limits(settings)
        if settings.failpoints is not None and settings.environment != "test":
            raise SettingsError(
                f"LEDGER_FAILPOINTS is set, and LEDGER_ENVIRONMENT is {settings.environment}: failpoints kill "
                "processes on purpose. Unset it, or set LEDGER_ENVIRONMENT=test where nothing of value is kept."
            )
        return settings

    def require(self, *names: str) -> None:
        """Make sure that these settings, which have no default, are set.

        Raises:
            SettingsError: naming every one that is missing.
        """
        missing = [variable(name) for name in names if getattr(self, name) is None]
        if missing:
            raise SettingsError(
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set. Set "
                f"{'it' if len(missing) == 1 else 'them'} (for example "
                f"{_example(missing[0])}), or run `credit-ledger up`, which brings its own servers."
            )

    @property
    def database(self) -> str:
        """The database's address; `ledger.kit.db.sync_url` makes it SQLAlchemy's.

        Raises:
            SettingsError: none is set.
        """
        self.require("database_url")
        assert self.database_url is not None
        return self.database_url

    @property
    def limits(self) -> tuple[Decimal, Decimal]:
        """The least and the most that one payment can be of, in the smallest unit of the settlement currency."""
        scale = scale_of(self.settlement_currency)
        shift = max(scale - 2, 0)
        least = LEAST.scaleb(shift) if self.payment_least is None else Decimal(self.payment_least).scaleb(scale)
        most = MOST.scaleb(shift) if self.payment_most is None else Decimal(self.payment_most).scaleb(scale)
        return least, most

    @property
    def rates(self) -> dict[str, str | int]:
        """Credits for one unit of each currency."""
        rates: dict[str, str | int] = json.loads(self.credits_per_unit)
        return rates

    @property
    def redis(self) -> str:
        """The broker's address.

        Raises:
            SettingsError: none is set.
        """
        self.require("redis_url")
        assert self.redis_url is not None
        return self.redis_url


@lru_cache(maxsize=1)
def load() -> Settings:
    """The settings of this process, read from its environment the first time they are asked for.

    Raises:
        SettingsError: a value is not allowed.
    """
    return Settings.from_environ(os.environ)


def variable(name: str) -> str:
    """The environment variable of the setting with this name."""
    return PREFIX + name.upper()


def _check_limits(settings: Settings) -> None:
    """Raises SettingsError where no payment could be of what the limits say."""
    currency, limits = settings.settlement_currency, settings.limits
    for name, amount in zip(("payment_least", "payment_most"), limits, strict=True):
        # Of three decimals Stripe wants the last one to be 0.
        if amount % (10 if scale_of(currency) == 3 else 1) or amount > STRIPE_MOST:
            raise _refuse(name, getattr(settings, name), f"an amount in {currency} that Stripe can charge")
    if limits[0] > limits[1]:
        least, most = (f"{amount.scaleb(-scale_of(currency)):f}" for amount in limits)
        raise SettingsError(
            f"LEDGER_PAYMENT_LEAST ({least} {currency}) is above LEDGER_PAYMENT_MOST ({most} {currency}): there "
            "could be no payment."
        )


def unknown(environ: Mapping[str, str]) -> list[str]:
    """Variables that look like settings and are none: most often a slip of the pen."""
    known = {variable(f.name) for f in fields(Settings)}
    other = ("LEDGER_TEST_", "LEDGER_CITUS_", "LEDGER_BENCH_")
    return sorted(
        name for name in environ if name.startswith(PREFIX) and name not in known and not name.startswith(other)
    )


def libpq_url(url: str) -> str:
    """The address as libpq and psycopg want it, without a driver: `postgresql://…`."""
    _, _, rest = url.partition("://")
    return f"postgresql://{rest}"


def _refuse(name: str, shown: str, allowed: str) -> SettingsError:
    return SettingsError(f"{variable(name)} is {shown!r}, but must be {allowed}.")


def _example(name: str) -> str:
    return {
        "LEDGER_DATABASE_URL": "postgresql://ledger@localhost:5432/ledger",
        "LEDGER_REDIS_URL": "redis://localhost:6379/0",
        "LEDGER_STRIPE_API_KEY": "sk_test_…",
        "LEDGER_STRIPE_WEBHOOK_SECRET": "whsec_…",
        "LEDGER_MAIL_FROM": "billing@example.com",
    }.get(name, "…")


def _text(name: str, text: str) -> str:
    return text


def _number(name: str, text: str) -> int:
    low, high = BOUNDS[name]
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise _refuse(name, text, f"a whole number from {low} to {high}")
    return int(text)


def _flag(name: str, text: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if text.lower() not in known:
        raise _refuse(name, text, "true or false")
    return known[text.lower()]


def _failpoints(name: str, text: str) -> str:
    try:
        failpoints.parse(text)
    except ValueError as error:
        raise SettingsError(f"{variable(name)} is {text!r}: {error}.") from error
    return text


def _one_of(allowed: tuple[str, ...]) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if text.lower() not in allowed:
            raise _refuse(name, text, f"one of {', '.join(allowed)}")
        return text.lower()

    return read


def _secret(*prefixes: str) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if not text.startswith(prefixes):
            raise _refuse(name, text[:3] + "…", f"a secret that begins with {_either(prefixes)}")
        return text

    return read


def _webhook_secrets(name: str, text: str) -> str:
    secrets = [secret.strip() for secret in text.split(",")]
    if not all(len(secret) > len("whsec_") and secret.startswith("whsec_") for secret in secrets):
        raise _refuse(name, text[:3] + "…", "secrets that begin with whsec_, separated by commas")
    return ",".join(secrets)


def _anchor_key(name: str, text: str) -> str:
    if not (text.startswith("/") or re.fullmatch("ask_[0-9a-f]{64}", text)):
        # Nothing of it is shown: it may be a key in another form.
        raise SettingsError(f"{variable(name)} must be ask_ and 64 hex digits, or the absolute path of a file.")
    return text


def _secret_keys(name: str, text: str) -> str:
    keys = [key.strip() for key in text.split(",")]
    if not (text.startswith("/") or all(re.fullmatch("sek_[A-Za-z0-9+/]{43}=", key) for key in keys)):
        # Nothing of them is shown, as above.
        allowed = "keys, each sek_ and the base64 of 32 bytes, separated by commas, or the absolute path of a file"
        raise SettingsError(f"{variable(name)} must be {allowed}.")
    return text


def _token(name: str, text: str) -> str:
    if not re.fullmatch("[!-~]{16,255}", text):
        # Nothing of it is shown, as above.
        raise SettingsError(f"{variable(name)} must be 16 to 255 visible ASCII characters, without spaces.")
    return text


def _public_keys(name: str, text: str) -> str:
    keys = [key.strip() for key in text.split(",") if key.strip()]
    for key in keys:
        if not re.fullmatch("apk_[0-9a-f]{64}", key):
            raise _refuse(name, key[:4] + "…", "public keys, each apk_ and 64 hex digits, separated by commas")
    return ",".join(keys)


def _currency(name: str, text: str) -> str:
    if not re.fullmatch("[A-Z]{3}", text):
        raise _refuse(name, text, "the ISO code of a currency, such as USD")
    return text


def _money(name: str, text: str) -> str:
    if not _MONEY.fullmatch(text):
        raise _refuse(name, text, "an amount of the settlement currency above zero, such as 10 or 12.50")
    return text


def _payment_methods(name: str, text: str) -> str:
    if not re.fullmatch("[a-z_]+(,[a-z_]+)*", text):
        raise _refuse(name, text, "names such as card, separated by commas")
    return text


def _credits_per_unit(name: str, text: str) -> str:
    try:
        rates = json.loads(text, object_pairs_hook=_no_name_twice, parse_float=_no_float, parse_constant=_no_float)
        for currency, rate in rates.items():
            if not re.fullmatch("[A-Z]{3}", currency) or isinstance(rate, bool) or not _RATE.fullmatch(str(rate)):
                raise ValueError
    except (ValueError, AttributeError, RecursionError):
        allowed = """a JSON object of currencies and what one is in credits, such as {"USD":"10","EUR":"11.5"}"""
        raise _refuse(name, text, allowed) from None
    return json.dumps(rates, separators=(",", ":"))


def _no_name_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError
    return dict(pairs)


def _no_float(text: str) -> None:
    raise ValueError


def _allow_list(name: str, text: str) -> str:
    try:
        AllowList.read(text)
    except ValueError as error:
        raise SettingsError(
            f"{variable(name)} is {text!r}, but {error}. Name networks, addresses and hosts, such as "
            "10.20.0.0/16,hooks.internal:8080, separated by commas."
        ) from None
    return text


def _proxy(name: str, text: str) -> str:
    try:
        Proxy.read(text)
    except ValueError:
        raise _refuse(name, without_password(text), "like http://user:password@host:3128") from None
    return text


def _smtp_url(name: str, text: str) -> str:
    try:
        MailServer.read(text)
    except ValueError as error:
        raise SettingsError(f"{variable(name)} is {without_password(text)!r}, but {error}.") from None
    return text


def _mail_from(name: str, text: str) -> str:
    try:
        Sender.read(text)
    except ValueError as error:
        raise SettingsError(
            f"{variable(name)} is {text!r}, but {error}. Name whom mail comes from: Credits <billing@example.com>."
        ) from None
    return text


def _path(name: str, text: str) -> str:
    if not text.startswith("/"):
        raise _refuse(name, text, "the absolute path of a file")
    return text


def _url(*schemes: str, needs: Callable[[str], bool], allowed: str) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        try:
            fits = urlsplit(text).scheme in schemes and needs(text)
        except ValueError:
            fits = False
        if not fits:
            raise _refuse(name, without_password(text), allowed)
        return text

    return read


def without_password(url: str) -> str:
    """The address with its password, if it has one, replaced by asterisks: fit to be shown."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    login, at, host = authority.rpartition("@")
    user, colon, _ = login.partition(":")
    return f"{scheme}{mark}{user}{':***' if colon else ''}{at}{host}{slash}{path}"


def _names_a_database(url: str) -> bool:
    parts = urlsplit(url)
    where = parts.hostname or parse_qs(parts.query).get("host")
    return bool(where) and len(parts.path) > 1 and _port_fits(parts.port)


def _names_a_server(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.path if parts.scheme == "unix" else parts.hostname) and _port_fits(parts.port)


def _port_fits(port: int | None) -> bool:
    return port is None or port > 0


def _either(words: tuple[str, ...]) -> str:
    return " or ".join(words)


_READERS: dict[str, Callable[[str, str], object]] = {
    "database_url": _url(
        "postgresql",
        "postgres",
        "postgresql+psycopg",
        needs=_names_a_database,
        allowed="like postgresql://user:password@host:5432/name "
        "or, over a unix socket, postgresql://user@/name?host=/directory",
    ),
    "redis_url": _url(
        "redis",
        "rediss",
        "unix",
        needs=_names_a_server,
        allowed="like redis://host:6379/0, rediss://… or unix:///path/of/socket?db=0",
    ),
    "stripe_api_key": _secret("sk_", "rk_"),
    "stripe_webhook_secret": _webhook_secrets,
    "stripe_api_base": _url("https", "http", needs=_names_a_server, allowed="like https://api.stripe.com"),
    "public_url": _url("https", "http", needs=_names_a_server, allowed="like https://credits.example.com"),
    "settlement_currency": _currency,
    "payment_least": _money,
    "payment_most": _money,
    "automatic_tax": _flag,
    "payment_methods": _payment_methods,
    "terms_url": _url("https", "http", needs=_names_a_server, allowed="like https://example.com/terms"),
    "host": _text,
    "postgres_bin": _text,
    "log_level": _one_of(LOG_LEVELS),
    "log_format": _one_of(LOG_FORMATS),
    "anchor_key": _anchor_key,
    "anchor_public_keys": _public_keys,
    "secret_keys": _secret_keys,
    "credits_per_unit": _credits_per_unit,
    "egress_allow": _allow_list,
    "egress_proxy": _proxy,
    "egress_ca_file": _path,
    "smtp_url": _smtp_url,
    "mail_from": _mail_from,
    "metrics_token": _token,
    "test_clock": _flag,
    "environment": _one_of(ENVIRONMENTS),
    "failpoints": _failpoints,
    **dict.fromkeys(BOUNDS, _number),
}
