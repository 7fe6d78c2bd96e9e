"""Payment links over HTTP: made, paid, issued anew, canceled, expired; and Stripe away. The sandbox is the judge."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

import httpx
import pytest

from ledger.kit.ids import parse_wallet
from ledger.payments import rows
from ledger.payments.desk import Desk
from ledger.payments.fulfil import settle_session
from ledger.payments.inbox.effects import EFFECTS, jobs_of
from ledger.payments.inbox.told import read
from ledger.payments.links import service
from ledger.payments.links.due import work_off
from tests.book.conftest import Clock
from tests.support.api import Api, make_key, run_sql, running
from tests.support.book import check
from tests.support.desk import desk_at, settings_of
from tests.support.sandbox import SandboxAt, sandbox_served

pytestmark = pytest.mark.anyio


class Shop(NamedTuple):
    """A service that takes payments, and the sandbox that it takes them through."""

    api: Api
    stranger: Api
    desk: Desk
    sandbox: SandboxAt

    async def link(self, wallet: str, amount: str = "50.00", **more: Any) -> dict[str, Any]:
        made = await self.api.post(f"/v1/wallets/{wallet}/payment-links", {"amount": amount} | more)
        assert made.status_code == 201, made.text
        return dict(made.json())

    async def session(self, link: dict[str, Any]) -> str:
        """The Checkout Session that the customer is led to."""
        page = await self.visit(link)
        assert page.status_code == 303, page.text
        return re.findall(r"cs_test_\w+", page.headers["location"])[0]

    async def visit(self, link: dict[str, Any], more: str = "") -> Any:
        return await self.stranger.send("GET", link["payment_url"].removeprefix("https://credits.example.com") + more)

    async def status(self, link: dict[str, Any]) -> str:
        return str((await self.api.get(f"/v1/payment-links/{link['payment_id']}")).json()["status"])

    async def pending(self, wallet: str) -> str:
        return str((await self.api.get(f"/v1/wallets/{wallet}/balance")).json()["pending"])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxAt]:
    with sandbox_served() as at:
        at.tell("/config", debit_after_s=60)
        yield at


@pytest.fixture(scope="module")
async def shop(database_url: str, sandbox: SandboxAt) -> AsyncIterator[Shop]:
    async with (
        running(database_url, settings_of(database_url, sandbox)) as app,
        desk_at(database_url, sandbox) as desk,
    ):
        api = Api(app, make_key(database_url, "admin")[1], database_url)
        stranger = Api(app, None, database_url)
        yield Shop(api, stranger, desk, sandbox)
        await api.client.aclose()
        await stranger.client.aclose()


def verified(shop: Shop, wallet: str) -> None:
    check(shop.api.database_url, [parse_wallet(wallet)])


def events(shop: Shop, wallet: str, kind: str) -> list[dict[str, Any]]:
    """What was told of a wallet."""
    rows = run_sql(
        shop.api.database_url,
        "SELECT payload FROM outbox WHERE wallet_id = %s AND type = %s ORDER BY event",
        parse_wallet(wallet),
        kind,
    )
    return [json.loads(payload) for (payload,) in rows]


async def test_a_link_is_paid_and_gives_credits_once(shop: Shop) -> None:
    """$50 buy 500 credits; the webhook, the poller and the return page come at the same time, and again."""
    wallet = await shop.api.wallet()
    link = await shop.link(wallet, success_url="https://example.com/thanks?s={CHECKOUT_SESSION_ID}")
    assert ("open", "500", "50.00", "USD") == (
        link["status"],
        link["credits_to_receive"],
        link["amount"],
        link["currency"],
    )
    assert link["qr_code"]["png"].startswith("data:image/png;base64,") and "<svg" in link["qr_code"]["svg"]
    session = await shop.session(link)
    shop.sandbox.pay(session)
    back, *_ = await asyncio.gather(
        shop.visit(link, f"/done?session_id={session}"),
        *[settle_session(shop.desk, session) for _ in range(4)],
    )
    assert (303, f"https://example.com/thanks?s={session}") == (back.status_code, back.headers["location"])
    assert "500" == await shop.api.available(wallet)
    assert "paid" == await shop.status(link)
    [purchase] = (await shop.api.get(f"/v1/wallets/{wallet}/transactions", kind="purchase")).json()["items"]
    [told] = events(shop, wallet, "payment.completed")
    assert told["transaction_id"] == purchase["id"] and told["data"] == {
        "payment_id": link["payment_id"],
        "credits": "500",
        "amount": "50.00",
        "currency": "USD",
    }
    assert [("issued:purchase", "wallet"), ("stripe_clearing", "deferred_revenue")] == [
        (line["debit"], line["credit"]) for line in purchase["postings"]
    ]
    assert 200 == (await shop.visit(link)).status_code
    history = (await shop.api.get(f"/v1/wallets/{wallet}/payments")).json()
    [paid] = history["items"]
    assert paid == (await shop.api.get(f"/v1/payments/{link['payment_id']}")).json()
    assert ("paid", "50.00", "0.00", "50.00", "500") == tuple(
        paid[name] for name in ("status", "amount", "tax", "total", "credits")
    )
    assert ("card", "visa", "4242") == tuple(paid["method"][name] for name in ("type", "brand", "last4"))
    assert purchase["id"] == paid["transaction_id"] and paid["receipt_url"] and paid["invoice_url"]
    assert {
        "total_transactions": 1,
        "total_purchased": "50.00",
        "total_purchased_usd": "50.00",
        "total_credits_purchased": "500",
        "total_credits_used": "0",
        "current_balance": "500",
        "average_monthly_spend": "50.00",
        "tax": "0.00",
        "refunded": "0.00",
        "currency": "USD",
    } == {name: value for name, value in history["summary"].items() if not name.endswith("_at")}
    [month] = history["period_stats"]
    begins, ends = date.fromisoformat(month["start_date"]), date.fromisoformat(month["end_date"])
    assert (1, month["period"], 1) == (begins.day, f"{begins:%Y-%m}", (ends + timedelta(days=1)).day)
    assert (1, "50.00", "500", "0") == tuple(
        month[name] for name in ("transactions_count", "total_spend", "credits_purchased", "credits_used")
    )
    verified(shop, wallet)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("success_url", "javascript:alert(1)", "must be an address that begins with https:// or http://"),
        ("cancel_url", "https://example.com/ä", "in visible ASCII characters"),
        ("currency", "usd", "must be a currency by its ISO code"),
    ],
)
async def test_a_field_that_is_not_of_its_form_is_told_in_words(shop: Shop, field: str, value: str, says: str) -> None:
    """Not by the pattern that it has to match."""
    wallet = await shop.api.wallet()
    answer = await shop.api.post(f"/v1/wallets/{wallet}/payment-links", {"amount": "50.00", field: value})
    [error] = answer.json()["errors"]
    assert (400, field) == (answer.status_code, error["path"]) and says in error["message"]


async def test_papers_that_come_later_than_the_money_are_found(shop: Shop) -> None:
    """By the session when somebody looks at it again, and by what Stripe tells of the invoice, which comes after it."""
    wallet = await shop.api.wallet()
    link = await shop.link(wallet)
    session = await shop.session(link)
    shop.sandbox.pay(session)
    await settle_session(shop.desk, session)
    paid = (await shop.api.get(f"/v1/payments/{link['payment_id']}")).json()
    name = str(paid["invoice_url"]).rpartition("/")[2]

    def forget() -> None:
        sql = "UPDATE payments SET receipt_url = NULL, invoice_url = NULL WHERE wallet_id = %s"
        run_sql(shop.api.database_url, sql, parse_wallet(wallet))

    forget()
    await settle_session(shop.desk, session)
    assert paid == (await shop.api.get(f"/v1/payments/{link['payment_id']}")).json()
    forget()
    for kind in ("invoice.finalized", "invoice.paid"):
        told: Any = {"id": "evt_1", "object": "event", "type": kind, "created": 1, "livemode": False}
        [job] = jobs_of(read(json.dumps(told | {"data": {"object": {"id": name}}})), EFFECTS)
        await job.does(shop.desk, job.about)
    again = (await shop.api.get(f"/v1/payments/{link['payment_id']}")).json()
    assert paid | {"receipt_url": None} == again
    verified(shop, wallet)


async def test_the_same_request_makes_one_link(shop: Shop) -> None:
    """At the same time, too: one link, one session, the same bytes."""
    wallet = await shop.api.wallet()
    path, body = f"/v1/wallets/{wallet}/payment-links", {"amount": "20.00"}
    answers = await asyncio.gather(*[shop.api.post(path, body, key="the-same") for _ in range(5)])
    made = [answer for answer in answers if answer.status_code == 201]
    assert made and {409, 201} >= {answer.status_code for answer in answers}, [answer.text for answer in answers]
    again = await shop.api.post(path, body, key="the-same")
    assert {again.content} == {answer.content for answer in made}
    assert 1 == len((await shop.api.get(path)).json()["items"])
    sessions = shop.desk.stripe.call(lambda stripe: stripe.v1.checkout.sessions.list({"limit": 100}))
    assert 1 == sum(each.client_reference_id == made[0].json()["payment_id"] for each in (await sessions).data)


async def test_a_session_that_expired_is_issued_anew(shop: Shop, database_url: str) -> None:
    """The address stays; what it leads to is another session, and the first one cannot be paid any more."""
    wallet = await shop.api.wallet()
    link = await shop.link(wallet)
    first = await shop.session(link)
    run_sql(
        database_url,
        "UPDATE payments SET object_expires_at = ledger_now() WHERE object = %s",
        first,
    )
    second = await shop.session(link)
    assert first != second
    old = await shop.desk.stripe.call(lambda stripe: stripe.v1.checkout.sessions.retrieve(first))
    assert "expired" == old.status
    shop.sandbox.pay(second)
    await settle_session(shop.desk, second)
    assert "500" == await shop.api.available(wallet)
    verified(shop, wallet)


async def test_several_who_open_a_link_are_led_to_one_session(shop: Shop, database_url: str) -> None:
    """Also where the one before has just expired: of two that are open both could be paid."""
    wallet = await shop.api.wallet()
    link = await shop.link(wallet)
    first = await shop.session(link)
    expire = "UPDATE payments SET object_expires_at = ledger_now() WHERE object = %s"
    run_sql(database_url, expire, first)
    await asyncio.gather(*[shop.visit(link) for _ in range(8)])
    sessions = await shop.desk.stripe.call(lambda stripe: stripe.v1.checkout.sessions.list({"limit": 100}))
    mine = [each for each in sessions.data if each.client_reference_id == link["payment_id"]]
    assert ["open"] == [each.status for each in mine if each.id != first]


async def test_a_session_that_was_ended_at_stripe_is_issued_anew(shop: Shop) -> None:
    """In its dashboard, say, long before its time: as soon as Stripe has told of it, or the customer turns back."""
    wallet = await shop.api.wallet()
    for told in (True, False):
        link = await shop.link(wallet)
        first = await shop.session(link)
        await shop.desk.stripe.call(lambda stripe, ended=first: stripe.v1.checkout.sessions.expire(ended))
        if told:
            await settle_session(shop.desk, first)
        back = await shop.visit(link, "/done")
        assert (200, True) == (back.status_code, "Not paid yet" in back.text)
        second = await shop.session(link)
        assert first != second
        await settle_session(shop.desk, first)  # told of once more, late
        assert second == await shop.session(link)


async def test_a_session_whose_answer_was_lost_is_the_one_that_is_given(
    shop: Shop, database_url: str, clock: Clock
) -> None:
    """Stripe made it, and nobody here heard of it: asked again later it gives the same one, and paid it counts."""
    wallet = await shop.api.wallet()
    link = await shop.link(wallet)
    session = await shop.session(link)
    lost = "UPDATE payments SET state = 'pending', object = NULL, url = NULL WHERE object = %s"
    run_sql(database_url, lost, session)
    run_sql(database_url, "DELETE FROM stripe_objects WHERE object = %s", session)
    clock.advance(timedelta(seconds=5))
    assert session == await shop.session(link)
    run_sql(database_url, lost, session)
    run_sql(database_url, "DELETE FROM stripe_objects WHERE object = %s", session)
    shop.sandbox.pay(session)
    await settle_session(shop.desk, session)
    assert ("paid", "500") == (await shop.status(link), await shop.api.available(wallet))


async def test_a_session_that_was_paid_meanwhile_is_not_issued_anew(shop: Shop, database_url: str) -> None:
    """Nobody told of the payment; whoever opens the link finds it paid, and pays nothing twice."""
    wallet = await shop.api.wallet()
    link = await shop.link(wallet)
    session = await shop.session(link)
    shop.sandbox.pay(session)
    run_sql(database_url, "UPDATE payments SET object_expires_at = ledger_now() WHERE object = %s", session)
    page = await shop.visit(link)
    assert (200, True) == (page.status_code, "Thank you" in page.text)
    assert "500" == await shop.api.available(wallet)


async def test_a_canceled_link_cannot_be_paid(shop: Shop) -> None:
    """Its session is expired at Stripe; canceled again it stays so; a paid one cannot be."""
    wallet = await shop.api.wallet()
    link = await shop.link(wallet)
    session = await shop.session(link)
    for _ in range(2):
        canceled = await shop.api.send("POST", f"/v1/payment-links/{link['payment_id']}/cancel")
        assert (200, "canceled") == (canceled.status_code, canceled.json()["status"])
    found = await shop.desk.stripe.call(lambda stripe: stripe.v1.checkout.sessions.retrieve(session))
    assert "expired" == found.status
    assert 410 == (await shop.visit(link)).status_code
    paid = await shop.link(wallet)
    shop.sandbox.pay(await shop.session(paid))
    refused = await shop.api.send("POST", f"/v1/payment-links/{paid['payment_id']}/cancel")
    assert (409, "PAYMENT_NOT_CANCELABLE", {"status": "paid"}) == (
        refused.status_code,
        refused.json()["code"],
        refused.json()["details"],
    )
    assert "500" == await shop.api.available(wallet)


async def test_money_that_comes_after_the_end_is_honoured(shop: Shop, database_url: str) -> None:
    """The link was called off while somebody was paying."""
    wallet = await shop.api.wallet()
    link = await shop.link(wallet)
    session = await shop.session(link)
    shop.sandbox.pay(session)
    run_sql(database_url, "UPDATE payments SET state = 'expired', due_at = NULL WHERE object = %s", session)
    await settle_session(shop.desk, session)
    assert ("paid", "500") == (await shop.status(link), await shop.api.available(wallet))


async def test_a_slow_method_gives_its_credits_when_the_money_is_there(shop: Shop) -> None:
    """A bank debit is complete and not paid at first."""
    wallet = await shop.api.wallet()
    link = await shop.link(wallet)
    session = await shop.session(link)
    shop.sandbox.pay(session, payment_method="pm_usBankAccount_success")
    await settle_session(shop.desk, session)
    assert ("processing", "0", "500") == (
        await shop.status(link),
        await shop.api.available(wallet),
        await shop.pending(wallet),
    )
    shop.sandbox.pass_time(120)
    await settle_session(shop.desk, session)
    assert ("paid", "500", "0") == (
        await shop.status(link),
        await shop.api.available(wallet),
        await shop.pending(wallet),
    )


async def test_a_slow_method_that_fails_leaves_the_link_to_be_paid_anew(shop: Shop) -> None:
    """The account was closed; a card pays."""
    wallet = await shop.api.wallet()
    link = await shop.link(wallet)
    session = await shop.session(link)
    shop.sandbox.pay(session, payment_method="pm_usBankAccount_accountClosed")
    await settle_session(shop.desk, session)
    shop.sandbox.pass_time(120)
    await settle_session(shop.desk, session)
    await settle_session(shop.desk, session)
    assert "failed" == await shop.status(link)
    [told] = events(shop, wallet, "payment.failed")
    assert {
        "payment_id": link["payment_id"],
        "credits": "500",
        "amount": "50.00",
        "currency": "USD",
        "reason": "account_closed",
    } == told["data"]
    another = await shop.session(link)
    assert session != another
    shop.sandbox.pay(another)
    await settle_session(shop.desk, another)
    assert ("paid", "500") == (await shop.status(link), await shop.api.available(wallet))
    verified(shop, wallet)


async def test_a_link_is_pending_while_stripe_is_away_and_issued_later(shop: Shop, database_url: str) -> None:
    """The address is given at once; a customer who comes too early is told to try again."""
    wallet = await shop.api.wallet()
    shop.sandbox.tell("/faults", kind="unavailable", path="/v1/checkout/sessions", times=100)
    link = await shop.link(wallet)
    assert ("pending", 503) == (link["status"], (await shop.visit(link)).status_code)
    shop.sandbox.forget_faults()
    run_sql(database_url, "UPDATE payments SET due_at = ledger_now() WHERE state = 'pending'")
    assert 1 == await work_off(shop.desk)
    assert "open" == await shop.status(link)
    [told] = events(shop, wallet, "payment_link.created")
    assert told["data"] == {
        "payment_id": link["payment_id"],
        "payment_url": link["payment_url"],
        "credits": "500",
        "amount": "50.00",
        "currency": "USD",
        "expires_at": link["expires_at"],
    }
    session = await shop.session(link)
    shop.sandbox.pay(session)
    await settle_session(shop.desk, session)
    assert "500" == await shop.api.available(wallet)


async def test_that_a_link_can_be_paid_is_told_once(shop: Shop, database_url: str) -> None:
    """Whoever has it issued first: the request, the customer who comes while it is pending, or nobody again."""
    wallet = await shop.api.wallet()
    link = await shop.link(wallet)
    shop.sandbox.tell("/faults", kind="unavailable", path="/v1/checkout/sessions", times=100)
    pending = await shop.link(wallet)
    shop.sandbox.forget_faults()
    assert ("open", "pending") == (link["status"], pending["status"])
    await asyncio.gather(*(shop.visit(pending) for _ in range(5)))
    assert "open" == await shop.status(pending)
    session = await shop.session(link)
    run_sql(database_url, "UPDATE payments SET object_expires_at = ledger_now() WHERE object = %s", session)
    assert session != await shop.session(link)
    assert [link["payment_id"], pending["payment_id"]] == [
        told["data"]["payment_id"] for told in events(shop, wallet, "payment_link.created")
    ]
    verified(shop, wallet)


FAILS = {"customer": "/v1/customers", "session": "/v1/checkout/sessions", "reusable": "/v1/payment_links"}


@pytest.mark.parametrize("kind", ["error_before", "error_after"])
@pytest.mark.parametrize("what", FAILS)
async def test_an_error_of_stripes_own_keeps_nobody_waiting(shop: Shop, what: str, kind: str) -> None:
    """Stripe repeats it under its key for a day, so the next visit asks under another; a session that was made is given."""
    wallet = await shop.api.wallet()
    shop.sandbox.tell("/faults", kind=kind, method="POST", path=FAILS[what])
    link = await shop.link(wallet, reusable=what == "reusable")
    if what != "session" or kind == "error_before":
        assert "pending" == link["status"]
    page = await shop.visit(link)
    assert 303 == page.status_code
    if what != "reusable":
        listed = await shop.desk.stripe.call(lambda client: client.v1.checkout.sessions.list({"limit": 100}))
        of_it = [one.id for one in listed.data if one.client_reference_id == link["payment_id"]]
        assert [await shop.session(link)] == of_it
        shop.sandbox.pay(of_it[0])
        await settle_session(shop.desk, of_it[0])
        assert "500" == await shop.api.available(wallet)


async def test_a_link_ends(shop: Shop, database_url: str) -> None:
    """After its time the worker expires it, and its session with it."""
    wallet = await shop.api.wallet()
    link = await shop.link(wallet)
    session = await shop.session(link)
    run_sql(
        database_url,
        "UPDATE payments SET expires_at = ledger_now(), due_at = ledger_now() WHERE object = %s",
        session,
    )
    await work_off(shop.desk)
    assert ("expired", 410) == (await shop.status(link), (await shop.visit(link)).status_code)
    await work_off(shop.desk)
    [told] = events(shop, wallet, "payment_link.expired")
    assert {"payment_id": link["payment_id"], "credits": "500", "amount": "50.00", "currency": "USD"} == told["data"]
    verified(shop, wallet)


async def test_a_session_that_may_not_be_expired_is_not_followed_by_another(shop: Shop, database_url: str) -> None:
    """The key has no right to it. Two sessions that can be paid are two payments for one purchase."""
    link = await shop.link(await shop.api.wallet())
    session = await shop.session(link)
    due = "UPDATE payments SET object_expires_at = ledger_now() WHERE object = %s"
    run_sql(database_url, due, session)
    shop.sandbox.tell("/faults", kind="forbidden", path="/v1/checkout/sessions/*/expire", times=100)
    assert 503 == (await shop.visit(link)).status_code
    canceled = await shop.api.post(f"/v1/payment-links/{link['payment_id']}/cancel")
    assert (503, "open") == (canceled.status_code, await shop.status(link))
    shop.sandbox.forget_faults()
    assert session != await shop.session(link)
    sessions = shop.sandbox.client().v1.checkout.sessions
    assert "expired" == sessions.retrieve(session).status


async def test_a_link_that_is_issued_in_the_moment_in_which_it_is_canceled_cannot_be_paid(shop: Shop) -> None:
    """Whoever cancels it has looked before a customer opened it."""
    wallet = await shop.api.wallet()
    shop.sandbox.tell("/faults", kind="unavailable", path="/v1/checkout/sessions", times=100)
    link = await shop.link(wallet)
    shop.sandbox.forget_faults()
    async with shop.desk.database.transaction() as connection:
        before = await rows.find(connection, link["payment_id"])
    session = await shop.session(link)
    assert "canceled" == (await service.cancel(shop.desk, before)).state
    assert ("canceled", 410) == (await shop.status(link), (await shop.visit(link)).status_code)
    assert "expired" == shop.sandbox.client().v1.checkout.sessions.retrieve(session).status


async def test_a_link_that_was_never_issued_ends_too(shop: Shop, database_url: str) -> None:
    """Stripe would not have it until its time was over."""
    wallet = await shop.api.wallet()
    shop.sandbox.tell("/faults", kind="forbidden", path="/v1/checkout/sessions", method="POST", times=100)
    link = await shop.link(wallet)
    assert "pending" == link["status"]
    run_sql(
        database_url,
        "UPDATE payments SET expires_at = ledger_now(), due_at = ledger_now() WHERE wallet_id = %s",
        parse_wallet(wallet),
    )
    await work_off(shop.desk)
    shop.sandbox.forget_faults()
    assert ("expired", 410) == (await shop.status(link), (await shop.visit(link)).status_code)
    [told] = events(shop, wallet, "payment_link.expired")
    assert link["payment_id"] == told["data"]["payment_id"]


async def test_what_somebody_makes_of_the_return_page_stays_in_its_place(shop: Shop) -> None:
    """Whatever is given as a session is one value in the client's address, and never a header."""
    link = await shop.link(await shop.api.wallet(), success_url="https://example.com/thanks?s={CHECKOUT_SESSION_ID}")
    session = await shop.session(link)
    shop.sandbox.pay(session)
    await settle_session(shop.desk, session)
    back = await shop.visit(link, "/done?session_id=x%0d%0aSet-Cookie:%20a=b%26admin=1")
    assert "https://example.com/thanks?s=x%0D%0ASet-Cookie%3A%20a%3Db%26admin%3D1" == back.headers["location"]


async def test_a_reusable_link_is_paid_by_any_number(shop: Shop) -> None:
    """Each payment is one of its own, and the link stays open."""
    wallet = await shop.api.wallet()
    link = await shop.link(wallet, "10.00", reusable=True)
    assert link["expires_at"] is None
    for _ in range(2):
        page = await shop.visit(link)
        session = await _session_of(page.headers["location"])
        shop.sandbox.pay(session)
        await settle_session(shop.desk, session)
        await settle_session(shop.desk, session)
    assert ("open", "200") == (await shop.status(link), await shop.api.available(wallet))
    history = (await shop.api.get(f"/v1/wallets/{wallet}/payments")).json()
    assert ["open", "paid", "paid"] == sorted(payment["status"] for payment in history["items"])
    verified(shop, wallet)


async def _session_of(url: str) -> str:
    """The session that a Payment Link of Stripe's leads to."""
    async with httpx.AsyncClient() as browser:
        page = await browser.get(url)
    return re.findall(r"cs_test_\w+", page.headers.get("location") or str(page.url))[0]


async def test_several_links_at_once_are_all_or_none(shop: Shop) -> None:
    """One that is wrong says which it is."""
    wallet = await shop.api.wallet()
    path = f"/v1/wallets/{wallet}/payment-links/batch"
    wrong = await shop.api.post(path, {"links": [{"amount": "20.00"}, {"amount": "0.001"}]})
    assert (400, "links[1].amount") == (wrong.status_code, wrong.json()["errors"][0]["path"])
    low = await shop.api.post(path, {"links": [{"amount": "20.00"}, {"amount": "5.00"}]})
    assert "links[1].amount: a payment is of 10.00 USD at least" == low.json()["detail"]
    made = await shop.api.post(path, {"links": [{"amount": "20.00"}, {"amount": 30}]})
    assert ["200", "300"] == [link["credits_to_receive"] for link in made.json()["links"]]
    assert 2 == len((await shop.api.get(f"/v1/wallets/{wallet}/payment-links")).json()["items"])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"amount": "9.99"}, 422, "AMOUNT_TOO_LOW"),
        ({"amount": "10000.01"}, 422, "AMOUNT_TOO_HIGH"),
        ({"amount": "50.001"}, 400, "INVALID_AMOUNT"),
        ({"amount": "-5"}, 400, "INVALID_AMOUNT"),
        ({"amount": 50.0}, 400, "INVALID_AMOUNT"),
        ({"amount": "50", "currency": "EUR"}, 422, "CURRENCY_NOT_TAKEN"),
        ({"amount": "50", "currency": "usd"}, 400, "INVALID_REQUEST"),
        ({"amount": "50", "success_url": "javascript:alert(1)"}, 400, "INVALID_REQUEST"),
        ({"amount": "50", "metadata": {"note": "4242 4242 4242 4242"}}, 400, "INVALID_REQUEST"),
        ({"amount": "50", "card": "4242424242424242"}, 400, "INVALID_REQUEST"),
        ({}, 400, "INVALID_REQUEST"),
    ],
)
async def test_what_cannot_be_is_refused(shop: Shop, body: dict[str, Any], status: int, code: str) -> None:
    """With a code, and nothing is made."""
    wallet = await shop.api.wallet()
    path = f"/v1/wallets/{wallet}/payment-links"
    refused = await shop.api.post(path, body)
    assert (status, code) == (refused.status_code, refused.json()["code"]), refused.text
    assert [] == (await shop.api.get(path)).json()["items"]


async def test_a_stranger_learns_nothing(shop: Shop) -> None:
    """A token that is none is not found, whatever it looks like."""
    for token in ("x", "0" * 32, "%00", "f" * 33):
        assert 404 == (await shop.stranger.get(f"/pay/{token}")).status_code
