"""What is wrong with this installation, a line for each thing that was looked at."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import psycopg
import redis

from ledger import settings
from ledger.book.anchor.metrics import UNSEALED_AGE, UNSEALED_S_MAX
from ledger.cli.output import emit_json, json_option
from ledger.cli.where import running
from ledger.parts import make_gateway
from ledger.payments import checkup
from ledger.settings import Settings, SettingsError, libpq_url, variable, without_password

FREE_MB_MIN = 1024
UP_TELLS = ("database_url", "redis_url", "anchor_key", "secret_keys")
"""Settings that ``up`` makes itself, and writes into up.json."""

POSTGRES_VERSIONS = (16, 17, 18)
MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}
TIMEOUT_S = 5

SEALED = """
SELECT encode(substring(sealed FROM 2 FOR 8), 'hex'), count(*) FROM (
    SELECT sealed FROM webhook_secrets UNION ALL SELECT sealed FROM notification_channels WHERE sealed IS NOT NULL) s
GROUP BY 1"""
"""By which key secrets are encrypted, and how many."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is (ok, warn or fail), what was seen, and what to do about it."""

    what: str
    state: str
    seen: str
    advice: str = ""


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Look at settings, database, broker and disk; exit 1 if something fails."""
    found = list(examine(_here() | os.environ))
    failed = any(one.state == "fail" for one in found)
    if as_json:
        emit_json({"ok": not failed, "checks": [asdict(one) for one in found]})
    else:
        for one in found:
            click.echo(f"{MARKS[one.state]}  {one.what:<20} {one.seen}")
            if one.advice:
                click.echo(f"{'':<26} → {one.advice}")
    if failed:
        raise SystemExit(1)


def _here() -> dict[str, str]:
    """The servers that ``up`` runs from this directory, for what the environment does not name."""
    up = running()
    return {variable(name): up[name] for name in UP_TELLS if up.get(name)}


def examine(environ: Mapping[str, str]) -> Iterator[Finding]:
    """All findings, in the order they are shown."""
    for name in settings.unknown(environ):
        yield Finding(name, "warn", "is not a setting", "Check its spelling, or remove it.")
    try:
        config = Settings.from_environ(environ)
    except SettingsError as error:
        yield Finding("settings", "fail", str(error), "Correct it; nothing else was looked at.")
        return
    yield Finding("settings", "ok", "all well formed")
    yield from _database(config)
    yield from _broker(config)
    yield from _stripe(config)
    yield _anchor(config)
    yield _secret_keys(config)
    yield _egress(config)
    yield _mail(config)
    yield _disk()


def _database(config: Settings) -> Iterator[Finding]:
    if config.database_url is None:
        yield Finding("database", "fail", "LEDGER_DATABASE_URL is not set", "Set it.")
        return
    shown = without_password(config.database_url)
    try:
        with psycopg.connect(libpq_url(config.database_url), connect_timeout=TIMEOUT_S, autocommit=True) as connection:
            yield Finding("database", "ok", shown)
            for look in (
                _version,
                _durability,
                _schema(config.database_url),
                _clock(config),
                _sealed,
                _rates(config),
                _secrets(config),
                _refills,
            ):
                yield from look(connection)
    except psycopg.Error as error:
        yield Finding("database", "fail", f"{shown}: {_first_line(error)}", "Start it, or correct the address.")


def _version(connection: psycopg.Connection) -> Iterator[Finding]:
    major = connection.info.server_version // 10_000
    fits = major in POSTGRES_VERSIONS
    advice = "" if fits else "PostgreSQL 16, 17 and 18 are tested."
    yield Finding("database version", "ok" if fits else "fail", f"PostgreSQL {major}", advice)


def _durability(connection: psycopg.Connection) -> Iterator[Finding]:
    fatal = "What was answered with 201 could be lost in a crash. Set it to on."
    for name, safe in (
        ("fsync", ("on",)),
        ("full_page_writes", ("on",)),
        ("synchronous_commit", ("on", "remote_apply", "remote_write", "local")),
    ):
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
        value = str(row[0]) if row else "?"
        state = "ok" if value in safe else "fail"
        yield Finding(name, state, value, "" if state == "ok" else fatal)


def _schema(url: str) -> Callable[[psycopg.Connection], Iterator[Finding]]:
    def look(connection: psycopg.Connection) -> Iterator[Finding]:
        from ledger.cli import migrate

        at, newest = migrate.revision(url), migrate.head()
        if at == newest:
            yield Finding("schema", "ok", f"at {at}, the newest")
        else:
            seen = f"at {at or 'nothing'}, and {newest} is the newest"
            yield Finding("schema", "fail", seen, "Run `credit-ledger migrate`.")

    return look


def _rates(config: Settings) -> Callable[[psycopg.Connection], Iterator[Finding]]:
    def look(connection: psycopg.Connection) -> Iterator[Finding]:
        with suppress(psycopg.errors.UndefinedTable):
            found = connection.execute("SELECT DISTINCT body::json ->> 'asset' FROM prices ORDER BY 1").fetchall()
            missing = [asset for (asset,) in found if asset != "CREDIT" and asset not in config.rates]
            if missing:
                seen = f"it has prices in {', '.join(missing)}, without a rate: nothing can be priced"
                yield Finding("rate card", "fail", seen, "Set LEDGER_CREDITS_PER_UNIT with every currency of the card.")
            else:
                yield Finding("rate card", "ok", f"rates {config.credits_per_unit}")

    return look


def _secrets(config: Settings) -> Callable[[psycopg.Connection], Iterator[Finding]]:
    """Secrets that no key decrypts. (Keys that cannot be read are told of by themselves.)"""

    def look(connection: psycopg.Connection) -> Iterator[Finding]:
        from ledger.parts import make_secret_keys

        with suppress(psycopg.errors.UndefinedTable, SettingsError):
            keys = make_secret_keys(config)
            for id_, count in connection.execute(SEALED):
                if keys is None or id_ not in keys.ids:
                    seen = f"{count:,} were encrypted by the key {id_}, which is not set"
                    yield Finding(
                        "secrets", "fail", seen, "Add it to LEDGER_SECRET_KEYS: what they are for is not sent."
                    )

    return look


def _clock(config: Settings) -> Callable[[psycopg.Connection], Iterator[Finding]]:
    def look(connection: psycopg.Connection) -> Iterator[Finding]:
        with suppress(psycopg.errors.UndefinedFunction, psycopg.errors.UndefinedTable):
            row = connection.execute(
                "SELECT extract(epoch FROM ledger_now() - clock_timestamp())::float8,"
                " extract(epoch FROM clock_timestamp())::float8"
            ).fetchone()
            assert row is not None
            yield _offset(float(row[0]), config)

    return look


def _offset(ahead_s: float, config: Settings) -> Finding:
    if abs(ahead_s) < 1:
        return Finding("clock", "ok", "the ledger's clock is the database's")
    seen = f"the ledger's clock is {ahead_s:+.0f} s from the database's"
    if config.test_clock:
        return Finding("clock", "warn", seen, "As LEDGER_TEST_CLOCK allows; never in production.")
    return Finding("clock", "fail", seen, "Put it back: only tests and the sandbox may set it.")


def _sealed(connection: psycopg.Connection) -> Iterator[Finding]:
    """How long the book that has waited longest has been in no anchor."""
    with suppress(psycopg.errors.UndefinedFunction, psycopg.errors.UndefinedTable):
        row = connection.execute(
            f"SELECT count(*), ({UNSEALED_AGE})::float8, (SELECT max(number) FROM anchors) FROM unsealed"
        ).fetchone()
        assert row is not None
        books, age_s, last = row
        seen = f"{'no anchor yet' if last is None else f'anchor {last} is the newest'}, {books:,} books moved since"
        if age_s > UNSEALED_S_MAX:
            advice = "Look whether worker and beat run and LEDGER_ANCHOR_KEY is set for them, and at the worker's log."
            yield Finding("sealed", "warn", f"{seen}, the first {age_s / 3600:.0f} hours ago", advice)
        else:
            yield Finding("sealed", "ok", seen)


def _refills(connection: psycopg.Connection) -> Iterator[Finding]:
    from ledger.refill import checkup as refills

    with suppress(psycopg.errors.UndefinedFunction, psycopg.errors.UndefinedTable):
        yield from (Finding(*one) for one in refills.examine(connection))


def _broker(config: Settings) -> Iterator[Finding]:
    if config.redis_url is None:
        advice = "Workers and beat need it. Set it."
        yield Finding("broker", "fail", "LEDGER_REDIS_URL is not set", advice)
        return
    shown = without_password(config.redis_url)
    try:
        with redis.Redis.from_url(
            config.redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        ) as client:
            client.ping()
            yield Finding("broker", "ok", shown)
            yield _eviction(client)
    except (redis.RedisError, OSError) as error:
        advice = "Start it, or correct the address."
        yield Finding("broker", "fail", f"{shown}: {_first_line(error)}", advice)


def _eviction(client: redis.Redis) -> Finding:
    info = client.info("memory")
    assert isinstance(info, dict)
    policy = str(info.get("maxmemory_policy", "unknown"))
    if policy == "noeviction":
        return Finding("broker eviction", "ok", policy)
    advice = "Queues could be thrown away to make room. Set maxmemory-policy noeviction."
    return Finding("broker eviction", "fail", policy, advice)


def _stripe(config: Settings) -> Iterator[Finding]:
    gateway = make_gateway(config)
    if gateway is None:
        advice = "Set LEDGER_STRIPE_API_KEY and LEDGER_STRIPE_WEBHOOK_SECRET to take payments."
        yield Finding("stripe", "warn", "not set up", advice)
        return
    try:
        yield from (Finding(*one) for one in checkup.examine(gateway, config))
    finally:
        gateway.close()


def _anchor(config: Settings) -> Finding:
    from ledger.book.anchor.keys import public_text, signing_key

    try:
        key = signing_key(config)
    except SettingsError as error:
        return Finding("anchor key", "fail", str(error), "Correct it: nothing is sealed meanwhile.")
    if key is None:
        advice = "Make one with `credit-ledger anchor keygen`: without anchors a cut tail cannot be found."
        return Finding("anchor key", "warn", "LEDGER_ANCHOR_KEY is not set, so nothing is sealed", advice)
    return Finding("anchor key", "ok", f"its public key is {public_text(key.public)}")


def _secret_keys(config: Settings) -> Finding:
    from ledger.parts import make_secret_keys

    try:
        keys = make_secret_keys(config)
    except SettingsError as error:
        return Finding("secret keys", "fail", str(error), "Correct it: the API does not start.")
    if keys is None:
        advice = "Make one with `credit-ledger secrets keygen`: without it there are no webhooks."
        return Finding("secret keys", "warn", "LEDGER_SECRET_KEYS is not set", advice)
    encrypts, *others = keys.ids
    return Finding(
        "secret keys", "ok", f"{encrypts} encrypts{', and decrypts with ' if others else ''}{', '.join(others)}"
    )


def _egress(config: Settings) -> Finding:
    from ledger.kit.egress.client import trust

    try:
        trust(config.egress_ca_file)
    except OSError as error:  # ssl.SSLError is one
        seen = f"{config.egress_ca_file}: {_first_line(error)}"
        return Finding("egress", "fail", seen, "LEDGER_EGRESS_CA_FILE must be certificates in PEM.")
    way = "directly" if config.egress_proxy is None else f"by {without_password(config.egress_proxy)}"
    besides = "" if config.egress_allow is None else f", and besides {config.egress_allow}"
    return Finding("egress", "ok", f"public receivers are called {way}{besides}")


def _mail(config: Settings) -> Finding:
    """Whether the mail server lets us in; nothing is sent."""
    from aiosmtplib import SMTPAuthenticationError, SMTPException

    from ledger.notifications.mail import mailer_of

    mailer = mailer_of(config)
    if mailer is None or config.smtp_url is None:
        advice = "Set LEDGER_SMTP_URL and LEDGER_MAIL_FROM to send notifications by e-mail."
        return Finding("mail", "warn", "LEDGER_SMTP_URL is not set", advice)
    shown = without_password(config.smtp_url)
    try:
        how = asyncio.run(mailer.check())
    except SMTPAuthenticationError as error:
        seen = f"{shown}: the login is refused: {_first_line(error)}"
        return Finding("mail", "fail", seen, "Correct user and password in LEDGER_SMTP_URL.")
    except (SMTPException, OSError, ValueError) as error:
        advice = "Correct LEDGER_SMTP_URL, or let this machine reach the server."
        if mailer.server.tls != "off":
            advice += " A certificate of your own is trusted by ?ca=/file; ?tls=off does without TLS."
        return Finding("mail", "fail", f"{shown}: {_first_line(error)}", advice)
    return Finding("mail", "ok", f"{shown}: {how}, from {mailer.sender.address}")


def _disk() -> Finding:
    free_mb = shutil.disk_usage(Path.cwd()).free // 2**20
    if free_mb < FREE_MB_MIN:
        return Finding("disk", "warn", f"{free_mb} MB free here", "Make room.")
    return Finding("disk", "ok", f"{free_mb} MB free here")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
