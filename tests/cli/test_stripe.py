"""``credit-ledger stripe``: what failed can be seen, and is tried again when an operator says so."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ledger.cli import main
from tests.support.api import run_sql


@pytest.fixture
def failed(database_url: str) -> list[str]:
    """Events of all states, two of which were given up."""
    run_sql(database_url, "TRUNCATE stripe_events")
    for number, state in enumerate(["new", "done", "ignored", "failed", "failed"], 1):
        run_sql(
            database_url,
            "INSERT INTO stripe_events (event, type, object, created_at, payload, via, state, tries, due_at, problem)"
            " VALUES (%s, 'refund.updated', 're_1', now(), '{}', 'webhook', %s, 76, NULL, %s)",
            f"evt_{number}", state, "ValueError: it is not booked" if state == "failed" else None,
        )  # fmt: skip
    return ["evt_4", "evt_5"]


def run(database_url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["stripe", *arguments, "--database-url", database_url])


def states(database_url: str) -> dict[str, Any]:
    return dict(run_sql(database_url, "SELECT event, state FROM stripe_events WHERE tries < 76"))


def test_what_failed_is_listed(database_url: str, failed: list[str]) -> None:
    shown = run(database_url, "events", "--failed")
    assert 0 == shown.exit_code
    assert "failed  refund.updated  re_1  ValueError: it is not booked" in shown.output
    found = json.loads(run(database_url, "events", "--failed", "--json").stdout)
    assert failed == sorted(event["event"] for event in found)
    assert 5 == len(json.loads(run(database_url, "events", "--json").stdout))
    assert 1 == len(json.loads(run(database_url, "events", "--limit", "1", "--json").stdout))


def test_what_failed_is_tried_again(database_url: str, failed: list[str]) -> None:
    shown = run(database_url, "retry", "evt_4", "evt_2")
    assert ["evt_2 was not given up", "1 event is tried again"] == shown.output.splitlines()
    assert {"evt_4": "new"} == states(database_url)
    assert {"retried": ["evt_5"]} == json.loads(run(database_url, "retry", "--all", "--json").stdout)
    assert {"evt_4": "new", "evt_5": "new"} == states(database_url)
    assert "no event was given up\n" == run(database_url, "events", "--failed").output


@pytest.mark.parametrize("arguments", [[], ["evt_4", "--all"]])
def test_it_must_be_said_which(database_url: str, failed: list[str], arguments: list[str]) -> None:
    assert 2 == run(database_url, "retry", *arguments).exit_code
    assert {} == states(database_url)


def test_without_a_database_it_says_so() -> None:
    shown = run("postgresql://ledger@127.0.0.1:1/away", "events")
    assert (1, "Error: the database cannot be used now; try again\n") == (shown.exit_code, shown.output)
