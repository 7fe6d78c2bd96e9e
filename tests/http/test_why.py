"""Why a balance is what it is: one read explains any transaction, and where its credits first came from."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from ledger.book.commands import Inflow, Posted
from ledger.kit.http.edge import EdgedLitestar
from ledger.kit.ids import parse_wallet, row_public
from tests.book.conftest import Clock, clock
from tests.support.api import Api, fresh, make_key, run_sql
from tests.support.book import CREDIT, attempt

__all__ = ["clock"]

pytestmark = pytest.mark.anyio


async def why(api: Api, transaction: Any) -> dict[str, Any]:
    """The answer for a transaction, by its id or by what answered with it."""
    while not isinstance(transaction, str):
        transaction = transaction.get("transaction_id") or transaction.get("transaction") or transaction["id"]
    answer = await api.get(f"/v1/transactions/{transaction}/why")
    assert 200 == answer.status_code, answer.text
    return dict(answer.json())


async def do(api: Api, path: str, **body: Any) -> dict[str, Any]:
    answer = await api.post(path, body or None)
    assert 201 == answer.status_code, answer.text
    return dict(answer.json())


async def buy(app: EdgedLitestar, wallet: str, credits: int, cents: int) -> str:
    """Paid credits, as a payment will bring them in; the transaction's id."""
    command = Inflow(
        wallet_id=parse_wallet(wallet),
        amount=credits * CREDIT,
        source="purchase",
        of_kind="purchase",
        cost=cents,
        currency="USD",
        facts={"stripe_payment_intent": "pi_1", "stripe_charge": "ch_1"},
    )
    (posted,) = await app.state["services"].door.submit([attempt(command)])
    assert isinstance(posted, Posted)
    return row_public("txn", posted.transaction.wallet_id, posted.transaction.number)


def moved(why: dict[str, Any]) -> list[tuple[str, str, str, str | None]]:
    return [(lot["direction"], lot["amount"], lot["source"], lot["cost"]) for lot in why["lots"]]


def funders(why: dict[str, Any]) -> list[str]:
    return [lot["funded_by"]["transaction_id"] for lot in why["lots"]]


async def test_each_kind_is_told_in_a_sentence(api: Api, clock: Clock) -> None:
    """The life of a wallet: what happened, which credits moved, and the balance before and after."""
    ann, bob = await api.wallet(overdraft_limit="10"), await api.wallet()
    path = f"/v1/wallets/{ann}"
    soon = (clock.now() + timedelta(days=1)).isoformat()
    given = {"reason": "x", "source": "promotional"}
    steps = [
        (await do(api, f"{path}/credits", amount="40", **given), "40 credits came in as promotional (grant)"),
        (await do(api, f"{path}/credits", amount="1", expires_at=soon, **given | {"source": "earned"}), "1 credit came in as earned (earn)"),
        (used := await do(api, f"{path}/usage", service="chat", credits="6"), "chat used 6 credits"),
        (hold := await do(api, f"{path}/holds", amount="20", service="training"), "A hold for training set 20 credits aside"),
        (
            await do(api, f"/v1/holds/{hold['hold']['id']}/capture", amount="12"),
            f"training used 12 credits out of the hold {hold['hold']['id']} and gave 8 credits of it free again",
        ),
        (hold := await do(api, f"{path}/holds", amount="5"), "A hold for general set 5 credits aside"),
        (await do(api, f"/v1/holds/{hold['hold']['id']}/release"), "A hold gave 5 credits free again when it was released"),
        (await do(api, f"/v1/transactions/{used['transaction']['id']}/refund", amount="2"), "2 credits came back for a job that failed"),
        (
            await do(api, f"/v1/transactions/{used['transaction']['id']}/reverse", reason="x"),
            "A reversal undid 4 credits of a transaction of kind usage",
        ),
        (await do(api, f"{path}/adjustments", amount="3", direction="debit", reason="x"), "3 credits left the wallet (adjustment)"),
        (
            sent := await do(api, "/v1/transfers", from_wallet_id=ann, to_wallet_id=bob, amount="6", reason="x"),
            f"6 credits went to the wallet {bob} (transfer)",
        ),
        ({"id": sent["linked_transaction_id"]}, f"6 credits came from the wallet {ann} (transfer)"),
        (
            await do(api, f"{path}/usage", service="chat", credits="25"),
            "chat used 25 credits, 5 of them owed",
        ),
        (
            await do(api, f"{path}/credits", amount="9", **given),
            "9 credits came in as promotional (grant), 5 of them to pay what was owed",
        ),
    ]  # fmt: skip
    for answer, expected in steps:
        found = await why(api, answer)
        told, _, balance = found["summary"].partition("; ")
        assert expected == told
        was, became = found["before"]["balance"], found["after"]["balance"]
        assert f"the balance {f'stayed {was}' if was == became else f'went from {was} to {became}'}." == balance
    own = (await api.get(f"{path}/transactions", limit=100)).json()["items"]
    for later, earlier in pairwise(own):
        assert (await why(api, later))["before"]["balance"] == (await why(api, earlier))["after"]["balance"]


async def test_a_use_over_three_lots_names_each_and_its_share_of_the_cost(api: Api, app: EdgedLitestar) -> None:
    """Each with the transaction that made it; the shares of a lot's cost add up to the cost."""
    wallet = await api.wallet()
    first = await api.grant(wallet, "10", priority=1)
    bought = await buy(app, wallet, 7, 100)
    last = await api.grant(wallet, "10", source="earned", priority=200)
    path = f"/v1/wallets/{wallet}/usage"
    found = await why(api, await do(api, path, service="chat", credits="19", metadata={"job": 7}, event_id="job-7"))
    assert [
        ("taken", "10", "promotional", "0"),
        ("taken", "7", "purchase", "1.00"),
        ("taken", "2", "earned", "0"),
    ] == moved(found)
    assert [first["transaction"]["id"], bought, last["transaction"]["id"]] == funders(found)
    assert ["0", "0", "8"] == [lot["remaining"] for lot in found["lots"]]
    assert ({"job": 7}, "job-7", []) == (found["request"]["metadata"], found["request"]["event_id"], found["stripe"])
    charge = {"type": "charge", "id": "ch_1"}
    assert [charge, {"type": "payment_intent", "id": "pi_1"}] == (await why(api, bought))["stripe"]

    again = await api.wallet()
    await buy(app, again, 7, 100)
    costs = []
    for _ in range(7):
        used = await why(api, await do(api, f"/v1/wallets/{again}/usage", service="chat", credits="1"))
        costs.append(used["lots"][0]["cost"])
    assert ["0.14", "0.14", "0.14", "0.15", "0.14", "0.14", "0.15"] == costs
    back = await why(api, await do(api, f"/v1/transactions/{used['transaction_id']}/refund"))
    assert [("given", "1", "purchase", "0.15")] == moved(back)


async def test_transfers_are_followed_back_to_the_first_inflow(api: Api, app: EdgedLitestar) -> None:
    """Two hops: the lot names the leg that brought it, that one the paying lot, and so on."""
    ann, bob, cid = [await api.wallet() for _ in range(3)]
    bought = await buy(app, ann, 10, 100)
    given = await api.grant(ann, "5", priority=1, reason="welcome")
    reason = {"reason": "x"}
    one = await do(api, "/v1/transfers", from_wallet_id=ann, to_wallet_id=bob, amount="8", **reason)
    two = await do(api, "/v1/transfers", from_wallet_id=bob, to_wallet_id=cid, amount="6", **reason)
    found = await why(api, await do(api, f"/v1/wallets/{cid}/usage", service="chat", credits="6"))
    assert [("taken", "5", "transfer", "0"), ("taken", "1", "transfer", "0.10")] == moved(found)
    for lot, source, first, key in zip(
        found["lots"], ["promotional", "purchase"], [given["transaction"]["id"], bought], [True, False], strict=True
    ):
        leg = lot["funded_by"]
        assert (two["linked_transaction_id"], "transfer", False) == (
            leg["transaction_id"],
            leg["kind"],
            leg["truncated"],
        )
        (paid,) = leg["came_from"]
        assert (two["transaction_id"], bob, "transfer") == (paid["transaction_id"], paid["wallet_id"], paid["source"])
        (earlier,) = paid["funded_by"]["came_from"]
        assert (one["transaction_id"], ann, source) == (
            earlier["transaction_id"],
            earlier["wallet_id"],
            earlier["source"],
        )
        origin = earlier["funded_by"]
        assert (first, []) == (origin["transaction_id"], origin["came_from"])
        assert key == (origin["description"] == "welcome")
    leg = await why(api, two["linked_transaction_id"])
    assert (two["transaction_id"], two["linked_transaction_id"]) == (
        leg["linked_transaction_id"],
        leg["transaction_id"],
    )
    key = (await why(api, two))["request"]["key"]
    assert key is not None and key == leg["request"]["key"]


async def test_lots_that_came_together_name_all_that_paid(api: Api) -> None:
    """What is alike joins one lot: those of one transfer are all named, what joined later is counted."""
    ann, bob = await api.wallet(), await api.wallet()
    await api.grant(ann, "2", source="promotional")
    await api.grant(ann, "3", source="earned")
    for amount in ("5", "4"):
        await do(api, "/v1/transfers", from_wallet_id=ann, to_wallet_id=bob, amount=amount, reason="x")
        await api.grant(ann, "4")
    (lot,) = (await why(api, await do(api, f"/v1/wallets/{bob}/usage", service="chat", credits="1")))["lots"]
    assert ("5", "4") == (lot["funded_by"]["amount"], lot["funded_by"]["joined"])
    came_from = [(paid["amount"], paid["source"]) for paid in lot["funded_by"]["came_from"]]
    assert [("2", "promotional"), ("3", "earned")] == came_from


async def test_credits_are_followed_back_ten_transfers_and_no_further(api: Api) -> None:
    wallets = [await api.wallet("1") if place == 0 else await api.wallet() for place in range(13)]
    for payer, payee in pairwise(wallets):
        await do(api, "/v1/transfers", from_wallet_id=payer, to_wallet_id=payee, amount="1", reason="on")
    found = await why(api, await do(api, f"/v1/wallets/{wallets[-1]}/usage", service="chat", credits="1"))
    funding, depth = found["lots"][0]["funded_by"], 0
    while funding["came_from"] and funding["came_from"][0]["funded_by"]:
        assert not funding["truncated"]
        (paid,) = funding["came_from"]
        funding, depth = paid["funded_by"], depth + 1
    assert (10, True) == (depth, funding["truncated"])
    assert (wallets[1], None) == (funding["came_from"][0]["wallet_id"], funding["came_from"][0]["source"])


async def test_a_refund_and_a_reversal_name_each_other_with_amounts(api: Api) -> None:
    """Both name what they undid; the original names both, and is reversed."""
    wallet = await api.wallet("10")
    used = (await do(api, f"/v1/wallets/{wallet}/usage", service="chat", credits="10"))["transaction"]["id"]
    refund = await do(api, f"/v1/transactions/{used}/refund", amount="4")
    assert "partially_reversed" == (await why(api, used))["status"]
    reversal = await do(api, f"/v1/transactions/{used}/reverse", reason="wrong wallet")
    found = await why(api, used)
    shown = [(each["transaction_id"], each["kind"], each["amount"]) for each in found["reversed_by"]]
    assert [(refund["id"], "usage_refund", "4"), (reversal["id"], "reversal", "6")] == shown
    assert ("reversed", None, False) == (found["status"], found["reverses"], found["more_reversals"])
    undid = (await why(api, reversal))["reverses"]
    assert (used, "usage", "6") == (undid["transaction_id"], undid["kind"], undid["amount"])


async def test_a_priced_use_shows_its_line_and_what_became_of_it(api: Api) -> None:
    """Free events without lines, a void and an amendment: all are explained, and the price's version is named."""
    wallet = await api.wallet("100")
    path = f"/v1/wallets/{wallet}/usage"
    counted = {"service": "sandbox_execution", "dimensions": {"template": "react"}}
    free = await why(api, await do(api, path, quantity="30", **counted))
    assert (
        "sandbox_execution used 30 minutes (30 of it free) for 0 credits, by version 1 of the price;"
        " the balance stayed 100." == free["summary"]
    )
    assert ([], "sandbox_execution", "0") == (free["lots"], free["service"], free["amount"])
    assert ("30", "30", "0") == tuple(free["charge"][name] for name in ("quantity", "free", "charged"))
    used = await do(api, path, quantity="130", **counted)
    assert used["charge"]["price"] == (await why(api, used))["charge"]
    amended = await do(api, f"/v1/usage/{used['transaction']['id']}/amend", quantity="100", reason="read wrongly")
    old, void, new = [await why(api, each) for each in (used, amended["void"], amended["transaction"])]
    assert [("void", "12")] == [(each["kind"], each["amount"]) for each in old["reversed_by"]]
    assert ("12 credits came back: the use was voided, as if it had not been reported", None) == (
        void["summary"].partition(";")[0],
        void["charge"],
    )
    assert [("given", "12", "promotional", "0")] == moved(void)
    assert ("100", used["transaction"]["id"]) == (new["charge"]["quantity"], new["request"]["facts"]["amends"])
    nothing = await why(api, await do(api, f"/v1/usage/{free['transaction_id']}/void", reason="a test of ours"))
    assert ([], "0", free["transaction_id"]) == (
        nothing["lots"],
        nothing["amount"],
        nothing["reverses"]["transaction_id"],
    )


async def test_an_expired_lot_and_what_comes_back_of_it(api: Api, app: EdgedLitestar, clock: Clock) -> None:
    """The system booked the expiry. A refund of an expired lot makes a new one, which the refund funds."""
    wallet = await api.wallet()
    soon = (clock.now() + timedelta(hours=1)).isoformat()
    given = await api.grant(wallet, "10", expires_at=soon)
    used = await do(api, f"/v1/wallets/{wallet}/usage", service="chat", credits="4")
    hold = await do(api, f"/v1/wallets/{wallet}/holds", amount="1", expires_in_s=60)
    clock.advance(timedelta(hours=2))
    back = await why(api, await do(api, f"/v1/transactions/{used['transaction']['id']}/refund"))
    assert [("given", "4", "refund", "0")] == moved(back)
    assert [back["transaction_id"]] == funders(back)
    found = {each["kind"]: each for each in (await api.get(f"/v1/wallets/{wallet}/transactions")).json()["items"]}
    expiry, release = await why(api, found["expiry"]), await why(api, found["release"])
    assert ("system", False) == (expiry["request"]["actor"], expiry["request"]["erased"])
    assert expiry["summary"].startswith(f"{expiry['amount']} credits expired unused; ")
    assert [given["transaction"]["id"]] == funders(expiry)
    assert "A hold gave 1 credit free again when it expired; the balance stayed 6." == release["summary"]
    assert f"hold:{hold['transaction']['number']}" == release["request"]["key"]
    assert [("freed", "1", "promotional", None)] == moved(release)


async def test_lots_that_were_dated_back_or_made_in_one_moment_are_told_apart(api: Api, app: EdgedLitestar) -> None:
    """What made a lot is found by when it counts: also in the past, and among others of the same instant."""
    wallet = await api.wallet()
    at = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    grants = [await api.grant(wallet, "1", priority=priority, effective_at=at) for priority in range(3)]
    commands = [
        Inflow(wallet_id=parse_wallet(wallet), amount=CREDIT, source="earned", priority=10 + place)
        for place in range(5)
    ]
    made = await app.state["services"].door.submit([attempt(command) for command in commands])
    assert 1 == len({each.transaction.recorded_at for each in made if isinstance(each, Posted)})
    found = await why(api, await do(api, f"/v1/wallets/{wallet}/usage", service="chat", credits="8"))
    expected = [grant["transaction"]["id"] for grant in grants]
    expected += [row_public("txn", each.transaction.wallet_id, each.transaction.number) for each in made]
    assert expected == funders(found)


async def test_a_hundred_lots_are_shown(api: Api, app: EdgedLitestar) -> None:
    """Of a use that took more, the answer says so; the balances are those of all."""
    wallet = await api.wallet()
    commands = [Inflow(wallet_id=parse_wallet(wallet), amount=CREDIT, source="earned", priority=n) for n in range(101)]
    await app.state["services"].door.submit([attempt(command) for command in commands])
    path = f"/v1/wallets/{wallet}/usage"
    shown = [await why(api, await do(api, path, service="chat", credits=credits)) for credits in ("100.5", "0.5")]
    assert [(100, True), (1, False)] == [(len(found["lots"]), found["more_lots"]) for found in shown]
    assert ("101", "0.5") == tuple(shown[0][side]["balance"] for side in ("before", "after"))


async def test_erased_notes_leave_what_the_book_knows(api: Api) -> None:
    """Free text can be erased; who, when, how much and out of what stays."""
    wallet = await api.wallet("10")
    used = await do(api, f"/v1/wallets/{wallet}/usage", service="chat", credits="1", metadata={"name": "Ada"})
    run_sql(api.database_url, "DELETE FROM notes WHERE wallet_id = %s", parse_wallet(wallet))
    found = await why(api, used)
    request = found["request"]
    assert (True, None, None, {}) == tuple(request[name] for name in ("erased", "key", "description", "metadata"))
    assert request["actor"].startswith("key_")
    assert "chat used 1 credit; the balance went from 10 to 9." == found["summary"]
    assert (None, None) == tuple(found["lots"][0]["funded_by"][name] for name in ("key", "description"))


async def test_what_is_not_there_is_not_found(app: EdgedLitestar, api: Api) -> None:
    """A number that the wallet's book does not have, another wallet's, a name that is none; and who may not read."""
    wallet, other = await api.wallet("1"), await api.wallet()
    (given,) = (await api.get(f"/v1/wallets/{wallet}/transactions")).json()["items"]
    assert 200 == (await api.get(f"/v1/transactions/{given['id']}/why")).status_code
    missing = [row_public("txn", parse_wallet(wallet), 2), row_public("txn", parse_wallet(other), 1), "txn_1", wallet]
    for name in missing:
        answer = await api.get(f"/v1/transactions/{name}/why")
        assert (404, "NOT_FOUND") == (answer.status_code, answer.json()["code"])
    nobody = Api(app, make_key(api.database_url, "usage:backfill", client=fresh("client"))[1], api.database_url)
    assert 403 == (await nobody.get(f"/v1/transactions/{given['id']}/why")).status_code
    reader = Api(app, make_key(api.database_url, "read", client=fresh("client"))[1], api.database_url)
    assert 200 == (await reader.get(f"/v1/transactions/{given['id']}/why")).status_code
