"""Signatures of deliveries, judged by two libraries that receivers use."""

import json
from datetime import UTC, datetime

import pytest
import standardwebhooks
import svix.webhooks
from hypothesis import given
from hypothesis import strategies as st

from ledger.webhooks.signing import BYTES_MAX, BYTES_MIN, secret_bytes, secret_text, sign
from tests.docs.pages import DOCS, blocks

JUDGES = (standardwebhooks.Webhook, svix.webhooks.Webhook)
REFUSALS = (standardwebhooks.WebhookVerificationError, svix.webhooks.WebhookVerificationError)

values = st.none() | st.booleans() | st.integers() | st.text()
bodies = st.dictionaries(st.text(), values | st.lists(values), max_size=8).map(
    lambda event: json.dumps(event, ensure_ascii=False).encode()
)
secrets = st.binary(min_size=BYTES_MIN, max_size=BYTES_MAX)
ids = st.from_regex(r"evt_[0-9A-Za-z]{12,30}_[0-9A-Za-z]{8}", fullmatch=True)


def now_s() -> int:
    return int(datetime.now(UTC).timestamp())


def headers(id_: str, at_s: int, signature: str) -> dict[str, str]:
    return {"webhook-id": id_, "webhook-timestamp": str(at_s), "webhook-signature": signature}


@given(secrets, ids, bodies)
def test_receivers_take_what_is_signed(secret: bytes, id_: str, body: bytes) -> None:
    """By the secret's text, as it is shown to whoever made the endpoint; and read the body as it was."""
    signed = headers(id_, now_s(), sign([secret], id_, now_s(), body))
    for judge in JUDGES:
        judge(secret_text(secret)).verify(body, signed)
    assert standardwebhooks.Webhook(secret_text(secret)).verify(body, signed) == json.loads(body)


@given(secrets, secrets, secrets, ids, bodies)
def test_while_a_secret_is_replaced_either_will_do(
    old: bytes, new: bytes, foreign: bytes, id_: str, body: bytes
) -> None:
    """And no third one."""
    signed = headers(id_, now_s(), sign([new, old], id_, now_s(), body))
    for judge in JUDGES:
        for known in (new, old):
            judge(known).verify(body, signed)
        if foreign not in (old, new):
            with pytest.raises(REFUSALS):
                judge(foreign).verify(body, signed)


@given(secrets, ids, bodies, st.data())
def test_receivers_refuse_what_was_changed(secret: bytes, id_: str, body: bytes, data: st.DataObject) -> None:
    """One bit of the body, another id, another time."""
    signature = sign([secret], id_, now_s(), body)
    bit = data.draw(st.integers(0, 8 * len(body) - 1))
    changed = bytearray(body)
    changed[bit // 8] ^= 1 << bit % 8
    for judge in JUDGES:
        for sent, given_ in (
            (bytes(changed), headers(id_, now_s(), signature)),
            (body, headers(id_ + "1", now_s(), signature)),
            (body, headers(id_, now_s() - 2, signature)),
        ):
            with pytest.raises((*REFUSALS, UnicodeDecodeError)):
                judge(secret).verify(sent, given_)


def test_the_example_of_the_specification() -> None:
    """Standard Webhooks' own secret, id, time, body and signature."""
    secret = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    made = sign([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("text", ["sixteen bytes ok", "é" * 8, "x" * BYTES_MAX, "WHSEC_" + "x" * 10])
def test_a_secret_of_the_callers_own_is_used_as_its_bytes(text: str) -> None:
    assert secret_bytes(text) == text.encode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fifteen bytes !", "16 to 128 bytes, and is 15"),
        ("x" * (BYTES_MAX + 1), "and is 129"),
        ("whsec_" + "A" * 20, "and is 15"),
        ("whsec_", "and is 0"),
        ("whsec_not base64 at all, is it?", "must be base64 behind whsec_"),
        ("whsec_" + "é" * 20, "must be base64 behind whsec_"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "must be base64 behind whsec_"),
        ("whsec_" + "-_" * 16, "must be base64 behind whsec_"),
    ],
)
def test_what_is_no_secret_is_refused(text: str, said: str) -> None:
    """The message says why, and nothing of what was given."""
    with pytest.raises(ValueError, match=said) as caught:
        secret_bytes(text)
    assert text[6:] == "" or text not in str(caught.value)


@given(st.binary(min_size=32, max_size=32))
def test_a_secret_is_what_its_text_says(random: bytes) -> None:
    assert secret_bytes(secret_text(random)) == random


def test_a_receiver_does_what_the_page_says() -> None:
    """The example of docs/concepts/webhooks.md takes a delivery, and refuses one of another secret."""
    (example,) = blocks(DOCS / "concepts" / "webhooks.md", "python")
    secret, id_, body = b"s" * 32, "evt_9ZWKcg49iae1_SmJ4cSd4b", b'{"id": "evt_9ZWKcg49iae1_SmJ4cSd4b"}'
    given_ = {"body": body, "headers": headers(id_, now_s(), sign([secret], id_, now_s(), body))}
    receiver: dict[str, object] = {"secret": secret_text(secret), **given_}
    exec(example, receiver)
    assert receiver["event"] == json.loads(body)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        exec(example, {"secret": secret_text(b"t" * 32), **given_})
