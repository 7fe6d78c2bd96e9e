"""When something is told and tried again, and what is said of each event."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ledger.events.catalogue import CATALOGUE, is_known
from ledger.kit.egress.urls import masked
from ledger.kit.mail import MailServer, Sender, mail_address
from ledger.notifications import rules
from ledger.notifications.collect import wants
from ledger.notifications.message import About, as_html, grouped, message_of, money, mrkdwn, plain
from ledger.notifications.rules import Ended, Next, next_of, slot_of
from ledger.notifications.texts import TEXTS

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ABOUT = About("wal_0GJkz3mQx7B", "the wallet of acme", ZoneInfo("Europe/Berlin"))


def in_s(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("of_type", "last_s", "slot_s"),
    [
        ("balance.low", None, 0),
        ("balance.low", -599, 1),
        ("balance.low", -601, 0),
        ("balance.low", 300, 900),
        ("balance.depleted", -59, 1),
        ("balance.depleted", -61, 0),
    ],
)
def test_a_type_is_told_at_intervals(of_type: str, last_s: float | None, slot_s: float) -> None:
    """Ten minutes, or one where it is urgent."""
    assert in_s(slot_s) == slot_of(of_type, None if last_s is None else in_s(last_s), NOW)


def test_an_attempt_is_made_again_later_and_later_until_it_is_the_last() -> None:
    """By the schedule, with luck in the middle; the seventh is the last."""
    waits = [next_of(number, Ended("again"), NOW, 0.5) for number in range(1, rules.TRIES_MAX)]
    assert [Next("queued", in_s(wait)) for wait in (60, 300, 1_800, 7_200, 21_600, 86_400)] == waits
    assert Next("failed") == next_of(7, Ended("again"), NOW, 0.5)
    assert [in_s(48), in_s(72)] == [next_of(1, Ended("again"), NOW, luck).due_at for luck in (0, 1)]


def test_what_will_never_come_to_pass_is_not_tried_again() -> None:
    """A refusal ends a notification, a receiver that is gone its channel; who asks for time has it."""
    assert Next("sent") == next_of(1, Ended("sent"), NOW, 0.5)
    assert Next("failed") == next_of(1, Ended("refused"), NOW, 0.5)
    assert Next("failed", disable=True) == next_of(1, Ended("gone"), NOW, 0.5)
    assert Next("queued", in_s(900), in_s(900)) == next_of(1, Ended("again", "", 900.0), NOW, 0.5)
    assert Next("queued", in_s(86_400), in_s(86_400)) == next_of(1, Ended("again", "", 1e9), NOW, 0.5)


def test_there_is_a_text_for_every_event_of_an_owner() -> None:
    """And no other; all that are told unless it is said otherwise are events."""
    assert {kind.type for kind in CATALOGUE if kind.to == "owner"} == set(TEXTS)
    assert all(map(is_known, rules.DEFAULT_EVENTS))
    assert TEXTS.keys() >= rules.URGENT


@pytest.mark.parametrize("kind", [kind for kind in CATALOGUE if kind.to == "owner"], ids=lambda kind: kind.type)
def test_a_text_names_only_figures_that_its_event_has(kind: Any) -> None:
    """Every sentence is said of an event that has them all, with each figure in it."""
    figures = {name: f"{place}7.5" for place, name in enumerate(kind.data.__struct_fields__, 1)}
    text = TEXTS[kind.type]
    message = message_of(kind.type, figures, ABOUT)
    assert len(text.says) == len(message.says)
    assert "{" not in plain(message)


def test_a_person_understands_it() -> None:
    """The figures, in words; midnight is the wallet's; what an event does not have is not said."""
    data = {"level": 80, "service": "chat", "user_id": None, "period": "month", "limit": "12500"}
    data |= {"spent": "10000.5", "left": "2499.5", "period_end": "2026-11-30T23:00:00Z"}
    message = message_of("budget.threshold_reached", data, ABOUT, 2)
    assert "80 % of a budget of the wallet of acme is spent" == message.subject
    assert (
        "10,000.5 credits of 12,500 credits are spent in this month, and 2,499.5 credits are left.",
        "The budget is of the service chat.",
        "A new period begins at 1 December 2026, 00:00 (Europe/Berlin).",
        "2 other events of this kind since the last message are left out here.",
    ) == message.says


def test_who_is_not_refilled_hears_why_until_when_and_what_to_do() -> None:
    """By the cap that stands in the way; a code of Stripe's that has no words here is readable too."""
    data = {"reason": "maximum_per_month", "until": "2026-11-30T23:00:00Z", "held_and_free": "74.4"}
    data |= {"threshold": "100", "amount": "50.00", "currency": "USD"}
    blocked = message_of("auto_refill.blocked", data, ABOUT)
    assert "The wallet of acme is not refilled: there were as many this month as you allow" == blocked.subject
    assert "Nothing is charged before 1 December 2026, 00:00 (Europe/Berlin)." in blocked.says
    assert any("(maximum_per_month)" in sentence for sentence in blocked.says)
    stopped = message_of("auto_refill.blocked", data | {"reason": "stopped", "until": None}, ABOUT)
    assert not any("before" in sentence for sentence in stopped.says)
    failed = message_of("auto_refill.failed", {"reason": "card_velocity_exceeded", "tries": 2}, ABOUT)
    assert ("Why: card velocity exceeded.", "Tries of the card so far: 2.") == failed.says
    paused = message_of("auto_refill.paused", {"reason": "disputed", "failures": 0}, ABOUT)
    assert any("POST /v1/wallets/wal_0GJkz3mQx7B/auto-refill/resume" in sentence for sentence in paused.says)
    data |= {"reason": "authentication_required", "payment_url": "https://pay.example.com/pay/5f", "credits": "500"}
    needed = message_of("auto_refill.requires_action", data, ABOUT)
    assert "Please pay 50.00 USD to refill the wallet of acme" == needed.subject
    assert "Pay 50.00 USD for 500 credits here: https://pay.example.com/pay/5f" in plain(needed)


def test_what_a_person_must_do_for_a_refill_is_told_unless_it_is_said_otherwise() -> None:
    """Refills that go well, and caps that the owner chose, are told to who asks for them."""
    told = {type_ for type_ in TEXTS if type_.startswith("auto_refill.") and wants(rules.DEFAULT_EVENTS, type_)}
    assert {"auto_refill.failed", "auto_refill.requires_action", "auto_refill.paused"} == told


def test_names_cannot_break_out_of_their_line() -> None:
    """Of a wallet that is called by whoever wants to write headers, markup, or to everybody in a channel."""
    about = ABOUT._replace(name="“x\r\nBcc: all@example.com\u2028<!channel> <script>&”")
    message = message_of("balance.low", {"free": "1", "threshold": "100"}, about)
    assert message.subject == "Credits are running low: 1 left in “x Bcc: all@example.com <!channel> <script>&”"
    assert "<script>" not in as_html(message)
    assert "<" not in mrkdwn(message)
    assert "&lt;!channel&gt;" in mrkdwn(message)
    hostile = message_of("payment.failed", {"reason": "{wallet.__class__} {0}", "credits": "5"}, ABOUT)
    assert "Reason: {wallet.__class__} {0}." in hostile.says


def test_amounts_are_written_as_people_write_them() -> None:
    assert ["1,234.5", "0", "−7", "1e9"] == [grouped(number) for number in ("1234.50", "0", "-7", "1e9")]
    assert ["1,250.00 USD", "500 JPY", "1.500 KWD", "None"] == [
        money("1250.00", "USD"),
        money("500", "JPY"),
        money("1.5", "KWD"),
        money("None", ""),
    ]


def test_patterns_are_of_a_type_a_family_or_all() -> None:
    assert all(wants([pattern], "balance.low") for pattern in ("*", "balance.*", "balance.low"))
    assert not any(wants([pattern], "balance.low") for pattern in ("balance.critical", "payment.*", "bal.*"))


def test_of_a_url_only_little_is_shown() -> None:
    assert "https://hooks.slack.com/…wxyz" == masked("https://hooks.slack.com/services/T0000/B0000/abcdefgwxyz")
    assert "https://example.com/…" == masked("https://example.com/short")


@pytest.mark.parametrize(
    "address",
    [
        *("", "@", "a@", "@example.com", "a@b", "a@localhost", "a@127.0.0.1", "a@[127.0.0.1]", "a b@example.com"),
        *("a@example.com\r\nRCPT TO:<b@example.com>", "a@example.com\n", '"a b"@example.com', "a@b@example.com"),
        *("a..b@example.com", ".a@example.com", "a@-b.com", "a@b-.com", "a@ex ample.com", "ä@example.com"),
        *("a,b@example.com", "<a@example.com>", "a@example.com>", f"{'a' * 65}@example.com", "a@example.123"),
        *(
            f"a@{'b' * 64}.com",
            f"a@{'.'.join(['b' * 60] * 5)}.com",
            "a@example.com.",
            "a@☃\u2028.com",
            "a%0d@exa%0dmple.com",
        ),
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"must (be|have)"):
        mail_address(address)


def test_an_address_has_one_spelling() -> None:
    assert "Jane.O'Neil+x@example.com" == mail_address("Jane.O'Neil+x@EXAMPLE.com")
    assert "a@xn--bcher-kva.example" == mail_address("a@Bücher.example")


def test_a_mail_server_is_named_by_a_url() -> None:
    """TLS is a must where a password is sent, unless it is said otherwise."""
    read = MailServer.read
    assert MailServer(host="m", port=587, tls="offered") == read("smtp://m")
    assert MailServer(host="m", port=25, tls="required", user="u@x", password="p/w") == read("smtp://u%40x:p%2Fw@m:25")
    assert MailServer(host="m", port=465, tls="implicit", user="u", password="p") == read("smtps://u:p@m")
    assert "off" == read("smtp://u:p@m?tls=off").tls
    assert "/ca.pem" == read("smtps://m?ca=/ca.pem").ca_file
    assert "p/w" not in repr(read("smtp://u:p%2Fw@m"))
    for wrong in (
        "http://m",
        "smtp://",
        "smtp://u@m",
        "smtp://m/x",
        "smtp://m?tls=no",
        "smtps://m?tls=off",
        "smtp://m:0",
    ):
        with pytest.raises(ValueError, match=r"must|may"):
            read(wrong)


def test_a_sender_has_a_name_or_none() -> None:
    assert Sender("Credits, Ltd.", "b@example.com") == Sender.read('"Credits, Ltd." <b@example.com>')
    assert Sender("", "b@example.com") == Sender.read("b@example.com")
    for wrong in ("Credits", "a\nb <b@example.com>", "x <b>", "<b@example.com> y"):
        with pytest.raises(ValueError, match="must"):
            Sender.read(wrong)
