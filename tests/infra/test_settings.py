"""What the environment may say, and how a slip is answered."""

from __future__ import annotations

from dataclasses import fields

import pytest

from ledger.rates.numbers import parse_rate_nano
from ledger.settings import (
    BOUNDS,
    Settings,
    SettingsError,
    libpq_url,
    unknown,
    variable,
    without_password,
)


def test_nothing_set_gives_the_defaults() -> None:
    """An empty environment is allowed; an empty variable is as good as none."""
    assert Settings.from_environ({}) == Settings()
    assert Settings.from_environ({"LEDGER_PORT": " "}) == Settings()


def test_everything_can_be_set() -> None:
    """Each setting is read from its variable."""
    given = {
        "LEDGER_DATABASE_URL": "postgresql://me:pw@db:5433/ledger",
        "LEDGER_REDIS_URL": "redis://broker:6379/1",
        "LEDGER_STRIPE_API_KEY": "sk_test_1",
        "LEDGER_STRIPE_WEBHOOK_SECRET": "whsec_1",
        "LEDGER_STRIPE_API_BASE": "http://127.0.0.1:12111",
        "LEDGER_PUBLIC_URL": "https://credits.example.com",
        "LEDGER_SETTLEMENT_CURRENCY": "EUR",
        "LEDGER_PAYMENT_LEAST": "5",
        "LEDGER_PAYMENT_MOST": "500.50",
        "LEDGER_AUTOMATIC_TAX": "true",
        "LEDGER_PAYMENT_METHODS": "card",
        "LEDGER_TERMS_URL": "https://example.com/terms",
        "LEDGER_HOST": "0.0.0.0",
        "LEDGER_PORT": "9000",
        "LEDGER_LOG_LEVEL": "DEBUG",
        "LEDGER_LOG_FORMAT": "console",
        "LEDGER_DB_POOL_SIZE": "5",
        "LEDGER_BATCH_COMMANDS_MAX": "100",
        "LEDGER_STATEMENT_TIMEOUT_MS": "4000",
        "LEDGER_LOCK_TIMEOUT_MS": "1000",
        "LEDGER_IDLE_IN_TRANSACTION_TIMEOUT_MS": "8000",
        "LEDGER_POSTGRES_BIN": "/usr/lib/postgresql/18/bin",
        "LEDGER_TEST_CLOCK": "true",
        "LEDGER_ANCHOR_KEY": "/run/secrets/anchor.key",
        "LEDGER_ANCHOR_PUBLIC_KEYS": f"apk_{'0' * 64}, apk_{'1' * 64}",
        "LEDGER_SECRET_KEYS": f"sek_{'A' * 43}=, sek_{'B' * 43}=",
        "LEDGER_CREDITS_PER_UNIT": '{"USD": 12, "EUR": "11.5"}',
        "LEDGER_EGRESS_ALLOW": "10.20.0.0/16, [fd00::7]:8080, hooks.internal:8080",
        "LEDGER_EGRESS_PROXY": "http://user:password@proxy.internal:3128",
        "LEDGER_EGRESS_CA_FILE": "/run/secrets/authority.pem",
        "LEDGER_WEBHOOK_COURIERS": "2",
        "LEDGER_EVENTS_DAYS": "30",
        "LEDGER_TASK_LIMIT_S": "60",
        "LEDGER_SMTP_URL": "smtp://mailer:p@mail.example.com:587",
        "LEDGER_MAIL_FROM": "Credits <billing@example.com>",
        "LEDGER_METRICS_TOKEN": "a-token-for-prometheus",
        "LEDGER_ENVIRONMENT": "test",
        "LEDGER_FAILPOINTS": "unit.before_commit:kill@3",
    }
    read = Settings.from_environ(given)

    assert {variable(one.name) for one in fields(Settings)} == set(given)
    assert [one.name for one in fields(Settings) if getattr(read, one.name) == one.default] == []


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("LEDGER_PORT", "0", "a whole number from 1 to 65535"),
        ("LEDGER_PAYMENT_LEAST", "0", "an amount of the settlement currency above zero"),
        ("LEDGER_PAYMENT_LEAST", "1e1", "an amount of the settlement currency above zero"),
        ("LEDGER_PAYMENT_MOST", "9.999", "an amount in USD that Stripe can charge"),
        ("LEDGER_PAYMENT_MOST", "1000000", "an amount in USD that Stripe can charge"),
        ("LEDGER_PAYMENT_MOST", "9.99", "there could be no payment"),
        ("LEDGER_PORT", "84OO", "a whole number from 1 to 65535"),
        ("LEDGER_DB_POOL_SIZE", "1e3", "a whole number from 1 to 200"),
        ("LEDGER_LOG_LEVEL", "loud", "one of debug, info, warning, error"),
        ("LEDGER_TEST_CLOCK", "perhaps", "true or false"),
        ("LEDGER_EGRESS_ALLOW", "10.0.0.1/8", "'10.0.0.1/8' is no network: 10.0.0.1/8 has host bits set"),
        ("LEDGER_EGRESS_ALLOW", "hooks.internal:8080, 127.1", "'127.1': an IPv4 address must be four decimal numbers"),
        ("LEDGER_EGRESS_PROXY", "https://proxy:3128", "like http://user:password@host:3128"),
        ("LEDGER_EGRESS_CA_FILE", "ca.pem", "the absolute path of a file"),
        ("LEDGER_SMTP_URL", "mail.example.com:587", "must be smtp://user:password@host:587 or smtps://"),
        ("LEDGER_SMTP_URL", "smtp://mail.example.com?tls=maybe", "?tls=required, offered or off"),
        ("LEDGER_MAIL_FROM", "Credits", "Credits <billing@example.com>"),
        ("LEDGER_ENVIRONMENT", "staging", "one of production, test"),
        ("LEDGER_FAILPOINTS", "unit.commit:kill", "there is no point"),
        ("LEDGER_FAILPOINTS", "unit.before_commit:delay", "must be kill, stop, error, hang or delay="),
        ("LEDGER_DATABASE_URL", "mysql://db/ledger", "like postgresql://"),
        ("LEDGER_DATABASE_URL", "postgresql://db", "like postgresql://"),
        ("LEDGER_DATABASE_URL", "postgresql://db:port/ledger", "like postgresql://"),
        ("LEDGER_DATABASE_URL", "postgresql:///ledger", "like postgresql://"),
        ("LEDGER_REDIS_URL", "localhost:6379", "like redis://"),
        ("LEDGER_STRIPE_API_BASE", "api.stripe.com", "like https://"),
        ("LEDGER_STRIPE_WEBHOOK_SECRET", "who", "begin with whsec_"),
        ("LEDGER_PAYMENT_METHODS", "Card", "names such as card"),
        ("LEDGER_PUBLIC_URL", "credits.example.com", "like https://"),
        ("LEDGER_SETTLEMENT_CURRENCY", "usd", "ISO code"),
        *(
            ("LEDGER_CREDITS_PER_UNIT", rates, 'such as {"USD":"10","EUR":"11.5"}')
            for rates in (
                *("10", "USD=10", "[]", "[" * 5_000, '{"USD":"10"', '{"usd":"10"}', '{"CREDIT":"1"}', '{"USD":10.5}'),
                *('{"USD":"0"}', '{"USD":0}', '{"USD":"0.0"}', '{"USD":"-1"}', '{"USD":true}', '{"USD":null}'),
                *('{"USD":NaN}', '{"USD":"1e3"}', '{"USD":"1.0000000001"}', '{"USD":"10","USD":"11"}', '{"USD":["1"]}'),
            )
        ),
        ("LEDGER_ANCHOR_PUBLIC_KEYS", "apk_", "each apk_ and 64 hex digits"),
    ],
)
def test_a_slip_names_the_variable_its_value_and_what_is_allowed(name: str, value: str, allowed: str) -> None:
    """The message can be acted on without looking anything up."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({name: value})

    assert name in str(caught.value)
    assert value in str(caught.value)
    assert allowed in str(caught.value)


@pytest.mark.parametrize("rate", ["10", "0.000000001", "999999999.999999999"])
def test_a_rate_that_is_taken_is_one_for_the_card(rate: str) -> None:
    """What settings let through, prices can be worked out with."""
    settings = Settings.from_environ({"LEDGER_CREDITS_PER_UNIT": f'{{"USD": "{rate}", "EUR": 11}}'})
    assert settings.rates == {"USD": rate, "EUR": 11}
    assert all(parse_rate_nano(each) > 0 for each in settings.rates.values())
    assert Settings().rates == {"USD": "10"}


def test_a_lock_is_not_waited_for_longer_than_its_statement() -> None:
    """Otherwise the shorter limit would hide the other."""
    with pytest.raises(SettingsError, match="LEDGER_LOCK_TIMEOUT_MS is 9000"):
        Settings.from_environ({"LEDGER_LOCK_TIMEOUT_MS": "9000"})


def test_failpoints_are_refused_where_they_could_do_harm() -> None:
    """A process that would die on purpose does not start in production."""
    with pytest.raises(SettingsError, match="LEDGER_ENVIRONMENT is production"):
        Settings.from_environ({"LEDGER_FAILPOINTS": "unit.before_commit:kill"})


def test_what_is_missing_is_named() -> None:
    """Who needs a database says so before anything starts."""
    with pytest.raises(SettingsError, match="LEDGER_DATABASE_URL and LEDGER_REDIS_URL are not set"):
        Settings().require("database_url", "redis_url")


def test_secrets_are_shown_nowhere() -> None:
    """Neither a message nor a repr holds a password or a key."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"LEDGER_STRIPE_API_KEY": "pk_live_abcdef"})
    with pytest.raises(SettingsError) as caught_url:
        Settings.from_environ({"LEDGER_DATABASE_URL": "mysql://me:hidden@db/ledger"})

    for almost in ("ask_" + "abcdef" * 10, "abcdef" * 11, "apk_" + "abcdef" * 10):
        with pytest.raises(SettingsError, match="LEDGER_ANCHOR_KEY must be ask_") as caught_key:
            Settings.from_environ({"LEDGER_ANCHOR_KEY": almost})
        assert "abcdef" not in str(caught_key.value)
    for almost in ("sek_" + "abcdef" * 8, "abcdef" * 8, f"sek_{'A' * 43}=,abcdef", f"sek_{'A' * 43}=,/run/abcdef"):
        with pytest.raises(SettingsError, match="LEDGER_SECRET_KEYS must be keys, each sek_") as caught_secret_keys:
            Settings.from_environ({"LEDGER_SECRET_KEYS": almost})
        assert "abcdef" not in str(caught_secret_keys.value)
    for almost in ("abcdef", "abcdef abcdef abcdef", "abcdef" * 43):
        with pytest.raises(SettingsError, match="LEDGER_METRICS_TOKEN must be 16 to 255") as caught_token:
            Settings.from_environ({"LEDGER_METRICS_TOKEN": almost})
        assert "abcdef" not in str(caught_token.value)
    token = "abcdef" * 3
    assert token not in repr(Settings.from_environ({"LEDGER_METRICS_TOKEN": token}))
    secret_keys = f"sek_{'abcdef0' * 6}A="
    assert secret_keys not in repr(Settings.from_environ({"LEDGER_SECRET_KEYS": secret_keys}))
    anchor_key = "ask_" + "0123456789abcdef" * 4
    assert anchor_key not in repr(Settings.from_environ({"LEDGER_ANCHOR_KEY": anchor_key}))

    assert "abcdef" not in str(caught.value)
    assert "hidden" not in str(caught_url.value)
    assert "hidden" not in repr(Settings(database_url="postgresql://me:hidden@db/ledger"))
    assert without_password("redis://:hidden@h:1/0") == "redis://:***@h:1/0"


def test_a_unix_socket_may_stand_in_the_address() -> None:
    """As the embedded server has nothing else."""
    url = "postgresql://ledger@/ledger?host=/run/pg"

    assert Settings.from_environ({"LEDGER_DATABASE_URL": url}).database == url
    assert libpq_url(f"postgresql+psycopg{url.removeprefix('postgresql')}") == url


def test_a_variable_that_is_no_setting_is_found() -> None:
    """A typing mistake would otherwise leave a default in force unseen."""
    assert unknown({"LEDGER_PROT": "1", "LEDGER_PORT": "1", "LEDGER_TEST_SEED": "1", "HOME": "/"}) == ["LEDGER_PROT"]


def test_every_setting_is_documented_with_its_bounds() -> None:
    """The docstring of Settings names each field, and the bounds of each number."""
    text = Settings.__doc__ or ""

    assert [one.name for one in fields(Settings) if f"        {one.name}: " not in text] == []
    assert [name for name, (low, high) in BOUNDS.items() if f"{low} to {high}" not in " ".join(text.split())] == []


def test_a_mail_server_needs_whom_mail_comes_from() -> None:
    """And its password is shown nowhere, not even where the URL is wrong."""
    with pytest.raises(SettingsError, match="LEDGER_MAIL_FROM is not set"):
        Settings.from_environ({"LEDGER_SMTP_URL": "smtp://mail.example.com"})
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"LEDGER_SMTP_URL": "smtp://user:secret@mail.example.com/path"})
    assert "secret" not in str(caught.value)
