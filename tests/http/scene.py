"""A wallet in which something was done, and how a refusal of a call on it is checked."""

from typing import Any, NamedTuple

from tests.support.api import Api, counts, fresh, run_sql


class Scene(NamedTuple):
    """A wallet with 100 credits and what was done in it."""

    wallet: str
    usage: str
    reversal: str
    expired_hold: str
    cursor: str
    """Of another wallet's list."""


async def set_up(api: Api) -> Scene:
    wallet, other = await api.wallet("100"), await api.wallet("100")
    used = await api.post(f"/v1/wallets/{wallet}/usage", {"service": "tests", "credits": "10"})
    usage = used.json()["transaction"]["id"]
    reversal = await api.post(f"/v1/transactions/{usage}/reverse", {"amount": 1, "reason": "x"})
    hold = await api.post(f"/v1/wallets/{wallet}/holds", {"amount": 1, "expires_in_s": 60})
    run_sql(api.database_url, "UPDATE clock SET ahead_us = 61000000")
    await api.post(f"/v1/wallets/{wallet}/usage", {"service": "tests", "credits": "1"})  # books the expiry
    await api.post(f"/v1/wallets/{other}/usage", {"service": "tests", "credits": "1"})
    page = await api.get(f"/v1/wallets/{other}/transactions", limit=1)
    return Scene(wallet, usage, reversal.json()["id"], hold.json()["hold"]["id"], page.json()["next_cursor"])


async def refused(api: Api, status: int, code: str, method: str, path: str, **given: Any) -> dict[str, Any]:
    """Send it: the problem must be this one, and no table may have changed."""
    given["headers"] = {"Idempotency-Key": fresh("key")} | given.get("headers", {})
    before = counts(api.database_url)
    answer = await api.send(method, path, **given)
    found = (answer.status_code, answer.headers["content-type"], answer.json()["code"])
    assert found == (status, "application/problem+json", code), answer.text
    after = counts(api.database_url)
    if code in REMEMBERED:
        before["refusals"] += 1
    assert after == before
    return dict(answer.json())


REMEMBERED = {"INSUFFICIENT_CREDITS", "HOLD_NOT_OPEN", "NOT_REVERSIBLE", "REVERSAL_EXCEEDS_ORIGINAL", "SAME_WALLET"}
