"""Usage that is reported by what was counted: priced by the card that ships, quoted, voided and amended."""

import csv
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from ledger.kit.db import SERVICE_ROLE, Database
from ledger.rates.prices import Graduated, Meter, Price, Tier
from ledger.rates.service import Cards, import_card
from tests.support.api import Api, fresh, make_key, running

pytestmark = pytest.mark.anyio

MONTH = [
    # Service, quantity, dimensions; what it is charged, by hand: 10 credits for a dollar.
    ("sandbox_execution", "70", {"template": "python"}, "0"),  # free: 30 of the 100 minutes are left
    ("sandbox_execution", "60", {"template": "node"}, "3"),  # 30 free, 30 × $0.01
    ("sandbox_execution", "50", {"template": "react"}, "10"),  # 50 × $0.02
    ("storage", "3.5", {}, "2.5"),  # 1 GB free, 2.5 × $0.10
    ("workflow_processing", "999", {}, "0"),  # one of the 1,000 is left
    ("workflow_processing", "1501", {}, "15"),  # 1 free, 1,500 × $0.001
    ("neural_training", "10", {"size": "nano"}, "5"),  # 10 × $0.05
    ("neural_training", "4", {"size": "small"}, "6"),  # 4 × $0.15
    ("neural_training", "2", {"size": "medium"}, "10"),  # 2 × $0.50
    ("neural_training", "1.5", {"size": "large"}, "30"),  # 1.5 × $2.00
]
"""81.5 credits in all, which are $8.15."""


async def report(api: Api, wallet: str, service: str, quantity: str, **more: object) -> httpx.Response:
    return await api.post(f"/v1/wallets/{wallet}/usage", {"service": service, "quantity": quantity, **more})


async def test_the_bill_of_a_month(api: Api) -> None:
    """A month of sandbox minutes, storage, tasks and training hours, across each free tier."""
    wallet = await api.wallet("100")
    for service, quantity, dimensions, expected in MONTH:
        answer = await report(api, wallet, service, quantity, dimensions=dimensions)
        assert (201, expected) == (answer.status_code, answer.json()["charge"]["credits"]), answer.text
    assert "18.5" == await api.available(wallet)
    again = [await report(api, wallet, "sandbox_execution", "1", dimensions={"template": "react"}) for _ in range(2)]
    assert ["0.2", "0.2"] == [answer.json()["charge"]["credits"] for answer in again]


async def test_a_charge_says_how_it_was_priced(api: Api) -> None:
    """Each number of the line can be worked out from those before it; a replay is the same bytes."""
    wallet, key = await api.wallet("100"), fresh("key")
    body = {"service": "sandbox_execution", "quantity": "130.5", "dimensions": {"template": "react"}}
    first, again = [await api.post(f"/v1/wallets/{wallet}/usage", body, key=key) for _ in range(2)]
    assert first.content == again.content
    price = first.json()["charge"]["price"]
    shown = {
        name: price[name] for name in ("meter", "unit", "quantity", "free", "billable", "version", "cost", "charged")
    }
    assert {
        "meter": "minutes",
        "unit": "minute",
        "quantity": "130.5",
        "free": "100",
        "billable": "30.5",
        "version": 1,
        "cost": "0.61",
        "charged": "6.1",
    } == shown


async def test_a_quote_posts_nothing(api: Api) -> None:
    """It says what would be charged, from which lots, or why it would not be."""
    wallet = await api.wallet("1")
    body = {"service": "storage", "quantity": "2"}
    quote = (await api.post(f"/v1/wallets/{wallet}/usage/quote", body)).json()
    assert (True, "1", None) == (quote["would_post"], quote["charge"]["credits"], quote["problem"])
    assert 1 == len(quote["charge"]["lots"])
    dear = (await api.post(f"/v1/wallets/{wallet}/usage/quote", {"service": "storage", "quantity": "3"})).json()
    assert (False, "INSUFFICIENT_CREDITS", "1") == (
        dear["would_post"],
        dear["problem"]["code"],
        dear["problem"]["shortfall"],
    )
    assert "1" == await api.available(wallet)
    assert "1" == (await report(api, wallet, "storage", "2")).json()["charge"]["credits"]


async def test_a_void_and_an_amendment_show_both(api: Api) -> None:
    """An amended event is voided and charged anew; both stay visible, and the free tier is as if it had been right."""
    wallet = await api.wallet("100")
    used = (await report(api, wallet, "storage", "11", metadata={"job": "7"}, session="s")).json()["transaction"]
    key = fresh("key")
    body = {"quantity": "1.5", "reason": "read the wrong gauge"}
    amended, replayed = [await api.post(f"/v1/usage/{used['id']}/amend", body, key=key) for _ in range(2)]
    assert (201, "0.5") == (amended.status_code, amended.json()["charge"]["credits"]), amended.text
    assert (amended.content, "true") == (replayed.content, replayed.headers["idempotency-replayed"])
    assert {"job": "7"} == amended.json()["transaction"]["metadata"]
    again = await api.post(f"/v1/usage/{used['id']}/amend", body)
    assert (409, "NOT_REVERSIBLE") == (again.status_code, again.json()["code"]) or 422 == again.status_code
    void = await api.post(f"/v1/usage/{amended.json()['transaction']['id']}/void", {"reason": "a test of ours"})
    assert (201, "void", "0.5") == (void.status_code, void.json()["kind"], void.json()["amount"])
    assert "100" == await api.available(wallet)
    kinds = [t["kind"] for t in (await api.get(f"/v1/wallets/{wallet}/transactions")).json()["items"]]
    assert ["void", "usage", "void", "usage", "grant"] == kinds
    assert "0" == (await report(api, wallet, "storage", "1")).json()["charge"]["credits"]


async def test_usage_by_amount_can_be_corrected_too(api: Api) -> None:
    """Without a meter an amendment gives credits; asking for the other of the two is refused."""
    wallet = await api.wallet("10")
    body = {"service": "chat", "credits": "4"}
    used = (await api.post(f"/v1/wallets/{wallet}/usage", body)).json()["transaction"]["id"]
    wrong = await api.post(f"/v1/usage/{used}/amend", {"quantity": "1", "reason": "x"})
    assert (400, "INVALID_REQUEST") == (wrong.status_code, wrong.json()["code"])
    right = await api.post(f"/v1/usage/{used}/amend", {"credits": "1", "reason": "x"})
    assert (201, "1") == (right.status_code, right.json()["charge"]["credits"]), right.text
    assert "9" == await api.available(wallet)


BAD = {
    "unknown service": ({"service": "tests", "quantity": "1"}, 422, "UNKNOWN_METER"),
    "unknown meter": ({"service": "storage", "meter": "shelves", "quantity": "1"}, 422, "UNKNOWN_METER"),
    "unknown dimension": (
        {"service": "storage", "quantity": "1", "dimensions": {"colour": "red"}},
        422,
        "UNKNOWN_DIMENSION",
    ),
    "unknown value": (
        {"service": "neural_training", "quantity": "1", "dimensions": {"size": "huge"}},
        422,
        "UNKNOWN_DIMENSION",
    ),
    "no price": ({"service": "api_call", "quantity": "1"}, 422, "PRICE_NOT_FOUND"),
    "too many decimals": ({"service": "workflow_processing", "quantity": "1.5"}, 400, "INVALID_QUANTITY"),
    "nothing": ({"service": "storage", "quantity": "0"}, 400, "INVALID_QUANTITY"),
    "the future": (
        {"service": "storage", "quantity": "1", "occurred_at": "2099-01-01T00:00:00Z"},
        422,
        "INVALID_EFFECTIVE_AT",
    ),
    "too late": (
        {"service": "storage", "quantity": "1", "occurred_at": "2024-01-01T00:00:00Z"},
        422,
        "INVALID_EFFECTIVE_AT",
    ),
}


@pytest.mark.parametrize("body, status, code", BAD.values(), ids=BAD.keys())
async def test_what_cannot_be_priced_is_refused(
    app: object, database_url: str, body: dict[str, object], status: int, code: str
) -> None:
    """By its code, alone and as one bad line in a batch, which leaves the other lines."""
    api = Api(app, make_key(database_url, "write")[1], database_url)
    wallet = await Api(app, make_key(database_url, "admin")[1], database_url).wallet("1000")
    alone = await api.post(f"/v1/wallets/{wallet}/usage", body)
    assert (status, code) == (alone.status_code, alone.json()["code"]), alone.text
    good = {"service": "storage", "quantity": "1"}
    items = [{"wallet_id": wallet, "key": f"k{n}", **(body if n == 500 else good)} for n in range(1_000)]
    results = (await api.post("/v1/usage/batch", {"items": items})).json()["results"]
    assert 999 == sum(result["status"] == "posted" for result in results)
    assert code == results[500]["problem"]["code"]


async def test_older_usage_needs_its_scope(api: Api, app: object, database_url: str) -> None:
    """More than 35 days back only with usage:backfill, and then at the price and in the month of when it occurred."""
    wallet = await api.wallet("100")
    body = {"service": "storage", "quantity": "2", "occurred_at": "2024-01-31T12:00:00Z"}
    refused = await api.post(f"/v1/wallets/{wallet}/usage", body)
    assert (422, "INVALID_EFFECTIVE_AT") == (refused.status_code, refused.json()["code"])
    granted = Api(app, make_key(database_url, "write", "usage:backfill")[1], database_url)
    answer = await granted.post(f"/v1/wallets/{wallet}/usage", body)
    assert (201, "1") == (answer.status_code, answer.json()["charge"]["credits"]), answer.text
    assert "2024-01-31T12:00:00.000000Z" == answer.json()["transaction"]["effective_at"]


async def test_an_amended_event_stays_where_it_occurred(api: Api, app: object, database_url: str) -> None:
    """However long ago, without the scope that reporting it so late needs; it has that month's free tier, not this one's."""
    wallet = await api.wallet("100")
    granted = Api(app, make_key(database_url, "write", "usage:backfill")[1], database_url)
    body = {"service": "storage", "quantity": "2", "occurred_at": "2024-01-31T23:59:59.999999Z"}
    used = (await granted.post(f"/v1/wallets/{wallet}/usage", body)).json()["transaction"]["id"]
    plain = Api(app, make_key(database_url, "write")[1], database_url)
    amended = await plain.post(f"/v1/usage/{used}/amend", {"quantity": "4", "reason": "two more"})
    assert (201, "3") == (amended.status_code, amended.json()["charge"]["credits"]), amended.text
    assert "2024-01-31T23:59:59.999999Z" == amended.json()["transaction"]["effective_at"]
    late = (await granted.post(f"/v1/wallets/{wallet}/usage", {**body, "quantity": "1"})).json()
    now = (await report(plain, wallet, "storage", "1")).json()
    assert ("1", "0") == (late["charge"]["credits"], now["charge"]["credits"])


@pytest.mark.parametrize("together", [False, True], ids=["alone", "in a batch"])
async def test_a_meter_that_is_new_is_known_to_all_processes(api: Api, database_url: str, together: bool) -> None:
    """One of them added it; another, which has read the card before, is told of its usage first."""
    wallet, service = await api.wallet("100"), fresh("new")
    await report(api, wallet, "storage", "1")
    async with running(database_url) as other_app:
        other = Api(other_app, make_key(database_url, "admin")[1], database_url)
        assert 201 == (await other.post("/v1/meters", {"service": service, "meter": "each"})).status_code
        new = {"service": service, "per_unit": "0.1", "valid_from": "2020-01-01T00:00:00Z"}
        assert 201 == (await other.post("/v1/prices", new)).status_code
        await other.client.aclose()
    body = {"service": service, "quantity": "2"}
    if together:
        items = [{"wallet_id": wallet, "key": fresh("item"), **body}]
        (result,) = (await api.post("/v1/usage/batch", {"items": items})).json()["results"]
        assert "posted" == result["status"]
    else:
        assert 201 == (await report(api, wallet, **body)).status_code
    assert "98" == await api.available(wallet)


async def test_quantities_have_the_decimals_of_their_meter(api: Api) -> None:
    """Nine of them here, and no tenth; the largest quantity is a number like others, and too dear."""
    wallet = await api.wallet("100")
    for quantity, status, code in (
        ("0.000000001", 201, None),
        ("1.0000000001", 400, "INVALID_QUANTITY"),
        ("1000000000", 402, "INSUFFICIENT_CREDITS"),
        ("1000000000.000000001", 400, "INVALID_QUANTITY"),
    ):
        answer = await report(api, wallet, "storage", quantity)
        assert (status, code) == (answer.status_code, answer.json().get("code")), answer.text


REQUESTS = Path(__file__).parents[3] / "shared" / "data" / "llm_requests.csv"
TIERS = (Tier(50_000_000, 10_000_000), Tier(None, 2_500_000))
"""Up to 50,000 tokens in a month 0.00001 credits each, then 0.0000025; the meter counts thousandths of a token."""


@pytest.mark.skipif(not REQUESTS.exists(), reason="the requests to bill are not on this machine")
async def test_real_requests_are_priced_once_and_as_computed(api: Api, database_url: str) -> None:
    """Reported twice, priced by a graduated token meter, and equal to an independent computation in integers."""
    database = Database(database_url, pool_size=2, role=SERVICE_ROLE)
    cards = Cards(database)
    card = (await cards.latest())[0].card
    meter = Meter(service="code_completion", meter="tokens", decimals=3)
    price = Price(
        service="code_completion",
        meter="tokens",
        version=1,
        valid_from=datetime(2020, 1, 1, tzinfo=UTC),
        asset="CREDIT",
        model=Graduated(TIERS),
    )
    async with database.transaction() as connection:
        wanted = [*card.meters.values(), meter], [*card.prices, price]
        await import_card(connection, *wanted, rates=cards.rates, actor="test")
    await cards.close()
    await database.dispose()
    with REQUESTS.open() as file:
        rows = [
            (row["TIMESTAMP"][:26], int(row["ContextTokens"]) + int(row["GeneratedTokens"]))
            for row in csv.DictReader(file)
        ]
    times = [datetime.fromisoformat(at).replace(tzinfo=UTC) for at, _ in rows]
    shift = datetime.now(UTC) - timedelta(hours=1) - max(times)
    wallets = [await api.wallet("1000") for _ in range(50)]
    items = []
    tokens: dict[int, int] = defaultdict(int)
    for number, (at, (_, count)) in enumerate(zip(times, rows, strict=True)):
        occurred_at = at + shift
        if count == 0:
            continue
        tokens[number % 50, occurred_at.month] += count
        items.append(
            {
                "wallet_id": wallets[number % 50],
                "key": f"row-{number}",
                "event_id": f"row-{number}",
                "service": "code_completion",
                "quantity": str(count),
                "occurred_at": occurred_at.isoformat(),
                "session": f"{number % 50}:{occurred_at:%Y-%m-%dT%H}",
            }
        )
    for status in ("posted", "replayed"):
        for start in range(0, len(items), 1_000):
            answer = await api.post("/v1/usage/batch", {"items": items[start : start + 1_000]})
            assert {status} == {result["status"] for result in answer.json()["results"]}
    # 10^-12 credits a token in each tier; whole micro-credits of a wallet's sum are charged.
    costs: dict[int, int] = defaultdict(int)
    for (wallet, _), count in tokens.items():
        costs[wallet] += min(count, 50_000) * 10_000_000 + max(0, count - 50_000) * 2_500_000
    for number, wallet in enumerate(wallets):
        balance = (await api.get(f"/v1/wallets/{wallet}/balance")).json()["balance"]
        whole, _, part = balance.partition(".")
        left = int(whole) * 10**6 + int(part.ljust(6, "0"))
        assert 1_000 * 10**6 - costs[number] // 10**6 == left
        await analytics_are_as_computed(api, wallet, [item for item in items if item["wallet_id"] == wallet])


async def analytics_are_as_computed(api: Api, wallet: str, items: list[dict[str, str]]) -> None:
    """By service, meter, hour and session, from the events of one wallet, in the order in which they were reported."""
    expected: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
    tokens: dict[str, int] = defaultdict(int)
    cost = 0
    for item in items:
        hour, month, count = item["occurred_at"][:13], item["occurred_at"][:7], int(item["quantity"])
        cheap = max(0, tokens[month] + count - 50_000) - max(0, tokens[month] - 50_000)
        tokens[month] += count
        charged = (cost + (count - cheap) * 10_000_000 + cheap * 2_500_000) // 10**6 - cost // 10**6
        cost += (count - cheap) * 10_000_000 + cheap * 2_500_000
        keys = {"service": item["service"], "meter": "tokens", "hour": hour, "session": item["session"]}
        for by, key in keys.items():
            sums = expected[by][key]
            expected[by][key] = [sums[0] + charged, sums[1] + count, sums[2] + 1]
    answer = await api.get(f"/v1/wallets/{wallet}/usage/analytics", breakdown_by=",".join(expected))
    found = answer.json()
    assert (200, len(expected["session"]), len(items)) == (answer.status_code, found["sessions"], found["operations"])
    assert cost // 10**6 == Decimal(found["total_credits_used"]).scaleb(6)
    for by, lines in found["breakdowns"].items():
        assert expected[by].keys() == {line["key"] for line in lines}
        assert 100 == sum(Decimal(line["percentage"]) for line in lines)
        for line in lines:
            charged, quantity, operations = expected[by][line["key"]]
            assert (charged, operations) == (Decimal(line["credits"]).scaleb(6), line["operations"])
            assert abs(Decimal(100 * charged) / (cost // 10**6) - Decimal(line["percentage"])) <= Decimal("0.01")
            assert by != "meter" or str(quantity) == line["quantity"]
            assert by not in ("hour", "session") or 1 == line["sessions"]
