"""Logs: one shape, what it is about, no secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from ledger.kit import telemetry


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_an_event_is_a_json_object_with_what_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    """What is bound is in each event within the block, and in none after it."""
    telemetry.configure(service="worker")
    log = telemetry.logger("test")
    with telemetry.bound(request_id="r1"):
        log.info("posted", amount="5")
    log.info("done")

    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["event"], first["amount"], first["request_id"]) == ("posted", "5", "r1")
    assert (first["service"], first["level"], first["logger"]) == ("worker", "info", "test")
    assert "request_id" not in second


def test_other_libraries_log_in_the_same_shape(capsys: pytest.CaptureFixture[str]) -> None:
    """Granian, Celery and SQLAlchemy use the standard library's loggers."""
    telemetry.configure()
    logging.getLogger("celery.worker").warning("lost %s", "redis://:pw@h/0")

    event = json.loads(capsys.readouterr().err)
    assert (event["event"], event["logger"]) == ("lost redis://:***@h/0", "celery.worker")


def test_secrets_are_hidden_by_name_and_by_look(capsys: pytest.CaptureFixture[str]) -> None:
    """A key or a password is in no log, wherever it hides."""
    telemetry.configure()
    telemetry.logger("test").info(
        "called with Bearer abcdef",
        password="abcdef",
        nested={"client_secret": "abcdef", "note": ["sk_live_abcdef", "ask_abcdef"]},
        url="postgresql://me:abcdef@db/ledger",
    )

    assert "abcdef" not in capsys.readouterr().err


def test_a_traceback_is_clean_too(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception's text may quote what was sent."""
    telemetry.configure()
    try:
        raise ValueError("no: whsec_abcdef")
    except ValueError:
        telemetry.logger("test").exception("failed")

    said = capsys.readouterr().err
    assert "ValueError" in said
    assert "abcdef" not in said


def test_console_logs_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """The other format is no JSON."""
    telemetry.configure(log_format="console", level="warning")
    telemetry.logger("test").info("unseen")
    telemetry.logger("test").warning("seen")

    said = capsys.readouterr().err
    assert "seen" in said
    assert "unseen" not in said
