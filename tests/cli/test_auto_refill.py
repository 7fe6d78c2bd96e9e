"""``credit-ledger auto-refill``: as the API has it, in the database, and what is said of what is wrong."""

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest

from ledger.kit.db import Database
from ledger.kit.ids import parse_wallet, wallet_public
from ledger.wallets.directory import Directory
from tests.cli.running import Run, answer
from tests.support.api import fresh, run_sql

AGREED = ("--consent-by", "ada@example.com")
TERMS = (*AGREED, "--threshold", "100", "--amount-credits", "500")


@pytest.fixture
def run(run: Run, database_url: str) -> Iterator[Run]:
    """``credit-ledger auto-refill``."""
    yield partial(run, "auto-refill")
    run_sql(database_url, "UPDATE refill_switch SET stopped = false")


@pytest.fixture
def wallet(database_url: str) -> str:
    """A wallet with nothing in it."""

    async def opened() -> str:
        database, owner = Database(database_url), fresh("owner")
        try:
            return wallet_public((await Directory(database).primaries([owner]))[owner])
        finally:
            await database.dispose()

    return asyncio.run(opened())


def test_it_is_switched_on_changed_and_off_again(run: Run, wallet: str, database_url: str) -> None:
    """What is not given stays; each time on is a consent, with who agreed; a wallet below begins a refill at once."""
    shown = answer(run("enable", wallet, *TERMS, "--json"))
    assert (shown["status"], shown["threshold"], shown["amount_usd"]) == ("on", "100", "50.00")
    changes = ("--amount-usd", "20", "--business-hours", "08:30-24:00", "--no-weekends", "--holiday", "2026-12-25")
    more = ("--maximum-per-month", "3", "--monthly-spend-cap", "45", "--cooldown-s", "60", "--time-zone", "Asia/Tokyo")
    shown = answer(run("enable", wallet, *AGREED, *changes, *more, "--smart", "--json"))
    assert (shown["threshold"], shown["credits_per_refill"], shown["monthly_spend_cap"]) == ("100", "200", "45.00")
    assert (shown["business_hours"], shown["weekend_refill"]) == ({"opens": "08:30", "closes": "24:00"}, False)
    assert (shown["holidays"], shown["smart_refill"], shown["cooldown_s"]) == (["2026-12-25"], True, 60)
    shown = answer(run("enable", wallet, *AGREED, "--business-hours", "any", "--weekends", "--no-smart", "--json"))
    assert (shown["business_hours_only"], shown["weekend_refill"], shown["smart_refill"]) == (False, True, False)
    told = run("status", wallet).stdout
    assert "refill     200 credits for 20.00 USD, below 100" in told
    assert "pays by    none: each refill becomes a link" in told
    assert "consent    ada@example.com" in told
    [(consents, actor)] = run_sql(
        database_url,
        "SELECT count(*), max(actor) FROM refill_consents WHERE wallet_id = %s AND given_by = 'ada@example.com'",
        parse_wallet(wallet),
    )
    assert (consents, actor) == (3, "cli")
    assert "due" in run("attempts", wallet).stdout
    [attempt] = answer(run("attempts", wallet, "--status", "due", "--json"))
    assert (attempt["credits"], attempt["cause"]) == ("500", "threshold")
    assert [] == answer(run("attempts", wallet, "--status", "succeeded", "--json"))
    shown = answer(run("disable", wallet, "--json"))
    assert (shown["status"], shown["threshold"]) == ("off", "100")


def test_a_pause_is_ended(run: Run, wallet: str, database_url: str) -> None:
    answer(run("enable", wallet, *TERMS, "--json"))
    run_sql(
        database_url,
        "UPDATE refills SET paused_for = 'failures', paused_at = ledger_now(), failures = 3 WHERE wallet_id = %s",
        parse_wallet(wallet),
    )
    assert "paused     for failures, since" in run("status", wallet).stdout
    assert "status     on" in run("resume", wallet).stdout


def test_the_kill_switch_has_a_reason(run: Run, wallet: str) -> None:
    answer(run("enable", wallet, *TERMS, "--json"))
    assert "no card is charged until" in run("stop", "--reason", "odd charges").stdout
    assert "stopped" == answer(run("status", wallet, "--json"))["status"]
    shown = answer(run("start", "--json"))
    assert (shown["stopped"], shown["reason"], shown["changed_by"]) == (False, None, "cli")
    assert "on" == answer(run("status", wallet, "--json"))["status"]
    assert 2 == run("stop").exit_code


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (TERMS[2:], 2, "Missing option '--consent-by'"),
        (AGREED, 1, "one of amount_credits, amount_usd, up_to_credits is needed"),
        ((*AGREED, "--amount-usd", "50"), 1, "threshold: is needed"),
        ((*TERMS, "--amount-usd", "50"), 1, "give one of amount_credits, amount_usd, up_to_credits"),
        ((*TERMS, "--business-hours", "9-17"), 1, "business_hours.opens: "),
        ((*TERMS, "--business-hours", "18:00-09:00"), 1, "business_hours.closes: must be after opens"),
        ((*TERMS, "--holiday", "2026-02-30"), 1, "holidays[0]: there is no such day"),
        ((*TERMS, "--time-zone", "Mars/Base"), 1, "time_zone: must be a name of the IANA"),
        ((*TERMS, "--monthly-spend-cap", "49.99"), 1, "monthly_spend_cap: is below what one refill costs, 50.00"),
        ((*TERMS, "--cooldown-s", "5"), 1, "cooldown_s: "),
        ((*AGREED, "--threshold", "1e3", "--amount-credits", "500"), 1, "threshold: "),
    ],
)
def test_bad_settings_are_refused_in_a_line(
    run: Run, wallet: str, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """As the API refuses them, and nothing is switched on."""
    done = run("enable", wallet, *arguments)
    assert code == done.exit_code, done.output
    assert said in done.stderr
    assert "off" == answer(run("status", wallet, "--json"))["status"]


@pytest.mark.parametrize("command", ["disable", "status", "resume", "attempts"])
@pytest.mark.parametrize("wallet", ["wal_0GJkz3mQx7B", "wal_x!", "user:nobody-at-all"])
def test_a_wallet_that_is_not_there_is_named(run: Run, command: str, wallet: str) -> None:
    done = run(command, wallet)
    assert (1, "Error: ") == (done.exit_code, done.stderr[:7]), done.output
