"""Requests that are well formed, and that a rule or the shape of their operation refuses: nothing is written."""

from typing import Any

import pytest

from tests.http.scene import Scene, refused
from tests.support.api import Api

pytestmark = pytest.mark.anyio

RULES: dict[str, tuple[int, str, str, Any]] = {
    "a hold of more than there is": (402, "INSUFFICIENT_CREDITS", "/v1/wallets/{wallet}/holds", {"amount": 1000}),
    "use of more than there is": (
        402,
        "INSUFFICIENT_CREDITS",
        "/v1/wallets/{wallet}/usage",
        {"service": "tests", "credits": 1000},
    ),
    "a withdrawal of more than there is": (
        402,
        "INSUFFICIENT_CREDITS",
        "/v1/wallets/{wallet}/adjustments",
        {"amount": 1000, "direction": "debit", "reason": "x"},
    ),
    "a capture after expiry": (409, "HOLD_NOT_OPEN", "/v1/holds/{expired_hold}/capture", {}),
    "a release after expiry": (409, "HOLD_NOT_OPEN", "/v1/holds/{expired_hold}/release", None),
    "a reversal of a reversal": (422, "NOT_REVERSIBLE", "/v1/transactions/{reversal}/reverse", {"reason": "x"}),
    "a refund of a reversal": (422, "NOT_REVERSIBLE", "/v1/transactions/{reversal}/refund", None),
    "a reversal of more than the original": (
        422,
        "REVERSAL_EXCEEDS_ORIGINAL",
        "/v1/transactions/{usage}/reverse",
        {"amount": "9.000001", "reason": "x"},
    ),
    "a transfer to oneself": (
        422,
        "SAME_WALLET",
        "/v1/transfers",
        {"from_wallet_id": "{wallet}", "to_wallet_id": "{wallet}", "amount": 1, "reason": "x"},
    ),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
async def test_rules(api: Api, scene: Scene, rule: tuple[int, str, str, Any]) -> None:
    status, code, path, body = rule
    names = scene._asdict()
    filled = {n: v.format(**names) if isinstance(v, str) else v for n, v in (body or {}).items()}
    given = {} if body is None else {"json": filled}
    await refused(api, status, code, "POST", path.format(**names), **given)


SHAPES: dict[str, tuple[str, Any]] = {
    "purchased credits": ("/v1/wallets/{wallet}/credits", {"amount": 1, "source": "purchase", "reason": "x"}),
    "no reason": ("/v1/wallets/{wallet}/credits", {"amount": 1, "source": "earned"}),
    "priority 1001": (
        "/v1/wallets/{wallet}/credits",
        {"amount": 1, "source": "earned", "reason": "x", "priority": 1001},
    ),
    "priority true": (
        "/v1/wallets/{wallet}/credits",
        {"amount": 1, "source": "earned", "reason": "x", "priority": True},
    ),
    "no such direction": ("/v1/wallets/{wallet}/adjustments", {"amount": 1, "direction": "up", "reason": "x"}),
    "hold without end": ("/v1/wallets/{wallet}/holds", {"amount": 1, "expires_in_s": 2_592_001}),
    "hold that has ended": ("/v1/wallets/{wallet}/holds", {"amount": 1, "expires_in_s": 0}),
    "huge number of seconds": ("/v1/wallets/{wallet}/holds", {"amount": 1, "expires_in_s": 2**64}),
    "transfer from nowhere": ("/v1/transfers", {"to_user_id": "b", "amount": 1, "reason": "x"}),
    "transfer from two": (
        "/v1/transfers",
        {"from_wallet_id": "{wallet}", "from_user_id": "a", "to_user_id": "b", "amount": 1, "reason": "x"},
    ),
    "transfer that waits": (
        "/v1/transfers",
        {"from_user_id": "a", "to_user_id": "b", "amount": 1, "reason": "x", "require_approval": True},
    ),
    "wallet without owner": ("/v1/wallets", {}),
    "owner without name": ("/v1/wallets", {"owner_id": ""}),
    "long owner": ("/v1/wallets", {"owner_id": "x" * 256}),
    "no such time zone": ("/v1/wallets", {"owner_id": "x", "time_zone": "../etc/passwd"}),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
async def test_shapes(api: Api, scene: Scene, shape: tuple[str, Any]) -> None:
    path, body = shape
    await refused(api, 400, "INVALID_REQUEST", "POST", path.format(**scene._asdict()), json=body)


async def test_dates(api: Api, scene: Scene) -> None:
    """Credits cannot have expired, and nothing counts before it happened or long ago."""
    path, grant = f"/v1/wallets/{scene.wallet}/credits", {"amount": 1, "source": "earned", "reason": "x"}
    past, future = "2020-01-01T00:00:00Z", "2090-01-01T00:00:00Z"
    for body, code in (
        (grant | {"expires_at": past}, "INVALID_EXPIRY"),
        (grant | {"effective_at": future}, "INVALID_EFFECTIVE_AT"),
        (grant | {"effective_at": past}, "INVALID_EFFECTIVE_AT"),
    ):
        answer = await api.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    usage = {"service": "tests", "credits": 1, "occurred_at": future}
    late = await api.post(f"/v1/wallets/{scene.wallet}/usage", usage)
    assert (late.status_code, late.json()["code"]) == (422, "INVALID_EFFECTIVE_AT")
