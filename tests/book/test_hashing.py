"""The chain's encoding is fixed for ever: these vectors may be added to, never changed."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from ledger.book.commands import Balances, Notes, Posting, Transaction, Use, event_hash, fingerprint, key_hash
from ledger.book.hashing import genesis, micros, notes_body, notes_digest, transaction_hash

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
NOTES = Notes(key="k-1", description="a job – done", metadata={"b": 1, "a": True})
SALT = bytes(range(16))

PLAIN = Transaction(
    wallet_id=42,
    number=7,
    kind="usage",
    key_hash=bytes(16),
    fingerprint=bytes([255]) * 16,
    event_hash=None,
    actor="key_1",
    effective_at=AT - timedelta(days=1),
    recorded_at=AT,
    reverses=None,
    link_wallet_id=None,
    link_number=None,
    after=Balances(54_400_000, 0, 0, 0, 1_000),
    notes_salt=SALT,
    notes_digest=notes_digest(SALT, notes_body(NOTES)),
    hash=b"",
    postings=(Posting(1, "wallet", "used:chat", "CREDIT", 45_600_000, 1, 54_400_000, None, 54_400_000),),
    terms=None,
    notes=NOTES,
)
GENESIS_42 = "9a2b1c468926cf075fa41126682759e41c6a8fb961733899a47e05973dcdfe89"
HASH_PLAIN = "68952895b58f6d914a8ea6a39f6aec0c9bc4d21d44dd1535b81a193c195376ef"
NOTES_DIGEST = "1be75199c6f674a984648d88ffba29bef9bcb81187859aabfb43601b219452eb"
KEY = "15869374c99f027900f132fa5cd9b3b7"
EVENT = "190b41df1d97200deec113681438ef70"
FINGERPRINT = "767a4b4b6b9f7256d04614bd14492fbc"


def test_the_first_previous_hash() -> None:
    assert genesis(42).hex() == GENESIS_42


def test_a_transaction() -> None:
    assert transaction_hash(genesis(42), PLAIN).hex() == HASH_PLAIN


def test_notes() -> None:
    assert notes_body(NOTES) == '{"key":"k-1","description":"a job – done","metadata":{"a":true,"b":1}}'
    assert PLAIN.notes_digest.hex() == NOTES_DIGEST


def test_keys_events_and_fingerprints() -> None:
    assert key_hash("client:default", "k-1").hex() == KEY
    assert event_hash("e-1").hex() == EVENT
    assert fingerprint(Use(wallet_id=42, amount=45_600_000, service="chat")).hex() == FINGERPRINT


@pytest.mark.parametrize(
    "change",
    [
        {"wallet_id": 43},
        {"number": 8},
        {"kind": "capture"},
        {"key_hash": bytes([1]) * 16},
        {"fingerprint": bytes(16)},
        {"event_hash": bytes(16)},
        {"actor": "key_2"},
        {"effective_at": AT},
        {"recorded_at": AT + timedelta(microseconds=1)},
        {"reverses": 1},
        {"link_wallet_id": 1, "link_number": 1},
        {"after": Balances(54_400_000, 0, 0, 0, 1_001)},
        {"notes_digest": bytes(32)},
        {"terms": '{"lots":[],"hold":null}'},
        {"postings": PLAIN.postings * 2},
        *(
            {"postings": (msgspec.structs.replace(PLAIN.postings[0], **line),)}
            for line in (
                {"line": 2},
                {"debit": "held"},
                {"credit": "used:search"},
                {"asset": "USD"},
                {"amount": 1},
                {"lot": 2},
                {"lot_after": 0},
                {"hold": 1},
                {"balance_after": 0},
            )
        ),
        *({"after": msgspec.structs.replace(PLAIN.after, **{name: 7})} for name in Balances.__struct_fields__),
    ],
    ids=lambda change: "+".join(change),
)
def test_every_field_counts(change: dict[str, object]) -> None:
    changed = msgspec.structs.replace(PLAIN, **change)

    assert transaction_hash(genesis(42), PLAIN) != transaction_hash(genesis(42), changed)


def test_the_zone_a_time_is_given_in_does_not_count() -> None:
    moved = AT.astimezone(timezone(timedelta(hours=-8)))

    assert micros(AT) == micros(moved)
    assert fingerprint(Use(wallet_id=1, amount=1, service="x", effective_at=AT)) == fingerprint(
        Use(wallet_id=1, amount=1, service="x", effective_at=AT + timedelta(0))
    )


def test_a_new_field_with_a_default_leaves_fingerprints_as_they_are() -> None:
    class UseOfTomorrow(Use, frozen=True, kw_only=True, tag="use"):
        region: str | None = None

    today = Use(wallet_id=42, amount=1, service="chat")
    tomorrow = UseOfTomorrow(wallet_id=42, amount=1, service="chat")

    assert fingerprint(today) == fingerprint(tomorrow)
