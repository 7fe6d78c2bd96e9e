"""Everything that can happen to an automatic refill, in any order: people, workers that die or come back late, Stripe
failing and telling late, and clocks that jump. After each step the judge looks at Stripe's list of charges.

A step of a worker is made in this process, over the real database and the sandbox; who dies leaves what he has written.
"""

import asyncio
import json
import time
from collections.abc import Coroutine
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from ledger.kit import failpoints
from ledger.kit.ids import parse_wallet, row_public
from ledger.payments.desk import Desk
from ledger.payments.gateway import StripeAway, StripeRefused
from ledger.payments.inbox.effects import jobs_of
from ledger.payments.inbox.told import read
from ledger.payments.links.due import work_off
from ledger.refill import attempts
from ledger.refill.attempts import Attempt
from ledger.refill.charge import card
from ledger.refill.charge.charger import look_at_due
from ledger.refill.charge.look import last_look
from ledger.refill.charge.steps import step
from ledger.refill.hear import EFFECTS
from tests.refill.judge import Agreed, Judge, http, listed
from tests.refill.scene import Scene
from tests.support.book import check

T = TypeVar("T")

CARDS = (
    *["pm_card_visa"] * 4,
    "pm_card_mastercard",
    *["pm_card_chargeCustomerFail"] * 2,
    *["pm_card_authenticationRequired"] * 2,
    "pm_usBankAccount_success",
    "pm_usBankAccount_accountClosed",
    "pm_card_createDispute",
)
POINTS = (
    "refill.before_charge",
    "refill.after_intent",
    "refill.after_charge",
    "refill.after_withdraw",
    "payments.before_purchase",
)
FAULTS = ("error_before", "error_after", "unavailable", "rate_limit", "conflict", "lock", "cut_before", "cut_after")
PATHS = ("/v1/payment_intents", "/v1/payment_intents/*/confirm", "/v1/payment_intents/*/cancel", "/v1/payment_intents*")

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
JUMPS = st.sampled_from([*[11 * MINUTE] * 4, MINUTE, HOUR, DAY, DAY, 8 * DAY, 31 * DAY, -MINUTE, -DAY, -31 * DAY])
ZONES = st.sampled_from(["UTC", "Pacific/Kiritimati", "America/New_York"])
ROUNDS_MAX = 12
"""So many looks, with days between, and everything must have ended."""


class Link(NamedTuple):
    """A payment, and the token of its page."""

    payment: int
    token: UUID


class RefillMachine(RuleBasedStateMachine):
    """``scene``, ``second``, ``runner`` and ``connection`` are set by the test that runs it; they outlive the examples."""

    scene: Scene
    second: Desk
    runner: asyncio.Runner
    connection: psycopg.Connection[Any]
    steps = 0
    charged = 0

    def __init__(self) -> None:
        super().__init__()
        self.sql("UPDATE clock SET ahead_us = 0")
        self.sql("UPDATE refill_switch SET stopped = false")
        self.sql("DELETE FROM refill_cards")
        self.scene.sandbox.tell("/reset")
        self.scene.sandbox.tell("/config", fee_known_after_s=0, dispute_after_s=0, payout_daily=False)
        self.ahead = self.ahead_there = timedelta()
        self.heard: set[str] = set()
        self.sessions: list[str] = []
        self.late: list[tuple[Attempt, bool, Desk]] = []
        self.wallet = self.run(self.scene.api.wallet("150"))
        self.number = parse_wallet(self.wallet)
        self.judge = Judge(self.sql, self.scene.sandbox, self.number)
        self.run(self.scene.save(self.wallet, "pm_card_visa"))
        self._set(threshold="100", amount_credits="500", maximum_per_month=3, cooldown_s=600)

    def sql(self, statement: str, *params: Any) -> list[Any]:
        cursor = self.connection.execute(statement, params)
        return cursor.fetchall() if cursor.description else []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    # People

    @rule(left=st.sampled_from(["0", "40", "40", "90", "all but one"]))
    def use(self, left: str) -> None:
        """So much is left, if there was more; nothing is left of a wallet that owes."""
        available = Decimal(self.run(self.scene.api.available(self.wallet)))
        credits = Decimal(1) if left == "all but one" else available - Decimal(left)
        body = {"service": "jobs", "credits": str(max(credits, Decimal(1)))}
        answer = self.run(self.scene.api.post(f"/v1/wallets/{self.wallet}/usage", body))
        assert answer.status_code in (201, 402), answer.text
        self._judged()

    @rule(
        what=st.sampled_from(
            ["grant", "top up", "dispute", "refund", "open link", "open link", "cancel link", "links due"]
        )
    )
    def happens(self, what: str) -> None:
        """What people do besides, and what is done for their links."""
        match what:
            case "grant":
                self.run(self.scene.api.grant(self.wallet, "200"))
            case "top up":
                self._top_up()
            case "dispute":
                self._dispute()
            case "refund":
                self._refund()
            case "open link":
                for payment in self._links():
                    self._open(f"/pay/{payment.token.hex}")
            case "cancel link":
                for payment in self._links():
                    name = row_public("pay", self.number, payment.payment)
                    answer = self.run(self.scene.api.send("POST", f"/v1/payment-links/{name}/cancel"))
                    assert answer.status_code in (200, 404, 409, 503), answer.text
            case _:
                self.run(work_off(self.scene.desk))
        self._judged()

    @rule(
        threshold=st.sampled_from(["50", "100", "700"]),
        amount=st.sampled_from([{"amount_credits": "500"}, {"amount_usd": "10"}, {"up_to_credits": "900"}]),
        maximum=st.integers(1, 6),
        cap=st.sampled_from([None, 1, 2]),
        zone=ZONES,
        cooldown_s=st.sampled_from([60, 600]),
    )
    def settings(
        self, threshold: str, amount: dict[str, str], maximum: int, cap: int | None, zone: str, cooldown_s: int
    ) -> None:
        """Up and down; ``cap``: for so many refills of the largest amount, where it is not left to the service."""
        cost = {"amount_credits": 50, "amount_usd": 10, "up_to_credits": 90}[next(iter(amount))]
        spend = cost * (maximum if cap is None else cap)
        common: dict[str, Any] = {"maximum_per_month": maximum, "time_zone": zone, "cooldown_s": cooldown_s}
        self._set(threshold=threshold, monthly_spend_cap=str(spend), **common, **amount)

    @rule(what=st.sampled_from(["off", "resume", "resume", "stop", "go", "go"]))
    def switch(self, what: str) -> None:
        """The wallet's own, or the one for all."""
        if what == "off":
            self.run(self.scene.set(self.wallet, enabled=False))
        elif what == "resume":
            assert self.run(self.scene.api.post(f"/v1/wallets/{self.wallet}/auto-refill/resume")).status_code == 200
        else:
            self._stop(stopped=what == "stop")
        self._judged()

    @rule(name=st.sampled_from(CARDS))
    def swap_card(self, name: str) -> None:
        self.run(self.scene.save(self.wallet, name))
        self._judged()

    @precondition(lambda self: self.sessions)
    @rule(place=st.integers(-3, -1), name=st.sampled_from(["pm_card_visa", "pm_usBankAccount_success"]))
    def pay_link(self, place: int, name: str) -> None:
        """Late, perhaps: what has expired or was canceled refuses it."""
        self._pay(place, name)
        self._judged()

    # Workers

    @rule(times=st.integers(1, 3))
    def work(self, times: int) -> None:
        permitted = self._permitted()
        for _ in range(times):
            self.run(self._work(self.scene.desk))
        self._judged(permitted=permitted)

    @rule(point=st.sampled_from(POINTS))
    def die(self, point: str) -> None:
        """A worker dies there, if it comes there."""
        permitted = self._permitted()
        failpoints.arm(f"{point}:error")
        try:
            self.run(self._work(self.scene.desk))
        except failpoints.FailpointError:
            note(f"died at {point}")
        finally:
            failpoints.arm(None)
        self._judged(permitted=permitted)

    @rule(left=st.sampled_from(["0", "40", "90"]), by=st.sampled_from([2 * MINUTE, 11 * MINUTE]), on=st.booleans())
    def run_low(self, left: str, by: timedelta, on: bool) -> None:
        """What happens mostly: it is used, time passes, and a worker comes; ``on``: nothing is in its way."""
        if on:
            self._stop(stopped=False)
            self._set(threshold="100", monthly_spend_cap="250")
        self.use(left)
        self.jump(by)
        self.work(2)

    @rule()
    def two_at_one(self) -> None:
        """Two sweeps, and two workers at each attempt."""
        permitted = self._permitted()

        async def both() -> None:
            await asyncio.gather(look_at_due(self.scene.desk), look_at_due(self.second))
            for attempt in await self._claim(self.scene.desk):
                await asyncio.gather(step(self.scene.desk, attempt), step(self.second, attempt))

        self.run(both())
        self._judged(permitted=permitted)

    @rule()
    def stand_still(self) -> None:
        """A worker looks a last time, and then nothing is heard of it for a while."""
        permitted = self._permitted()

        async def look() -> None:
            for attempt in await self._claim(self.second):
                if attempt.state in ("due", "waiting"):
                    found = await last_look(self.second, attempt)
                    if found.says == "charge":
                        self.late.append((found.attempt, permitted, self.second))

        self.run(look())
        self._judged()

    @precondition(lambda self: self.late)
    @rule(pays=st.booleans())
    def come_back(self, pays: bool) -> None:
        """It goes on where it stood, and dies then, or not."""
        attempt, permitted, desk = self.late.pop(0)

        async def charge() -> None:
            try:
                intended = await card.intended(desk, attempt)
                if intended is not None and pays:
                    await card.confirm(desk, intended, time.monotonic() + 30)
            except (StripeAway, StripeRefused):
                note("Stripe does not let it")

        self.run(charge())
        self._judged(permitted=permitted)

    # Stripe

    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        """Some of what Stripe told, in any order, and some of it that was heard before."""
        told = self._told()
        if told:
            some = data.draw(st.lists(st.sampled_from([event["id"] for event in told]), max_size=6))
            self._hear([event for name in some for event in told if event["id"] == name])
        self._judged()

    @rule()
    def hear_all(self) -> None:
        self._hear([event for event in self._told() if event["id"] not in self.heard])
        self._judged()

    @rule(kind=st.sampled_from([None, *FAULTS]), path=st.sampled_from(PATHS), times=st.integers(1, 3))
    def fail(self, kind: str | None, path: str, times: int) -> None:
        """The next requests do, or all goes well again."""
        if kind is None:
            self.scene.sandbox.forget_faults()
        else:
            self.scene.sandbox.tell("/faults", kind=kind, path=path, method="POST", times=times)
        self._judged()

    @rule(by=JUMPS)
    def jump(self, by: timedelta) -> None:
        """The ledger's clock; Stripe's follows, but never goes back."""
        self._ahead(max(by, -self.ahead))
        self._judged()

    # How

    def teardown(self) -> None:
        """Everything works again, it is switched off, and days pass: all ends, and each charge is booked once."""
        self.scene.sandbox.forget_faults()
        self.late.clear()
        self.run(self.scene.set(self.wallet, enabled=False))
        self._stop(stopped=False)
        self._ahead(max(self.ahead_there - self.ahead, timedelta()))
        for _ in range(ROUNDS_MAX):
            self._hear([event for event in self._told() if event["id"] not in self.heard])
            self.run(self._work(self.scene.desk))
            self.run(work_off(self.scene.desk))
            if not self._open_attempts() and not [e for e in self._told() if e["id"] not in self.heard]:
                break
            self._ahead(DAY)
        assert self._open_attempts() == [], "an attempt does not end"
        self._judged()
        self.judge.settled()
        check(self.scene.url, [self.number])
        type(self).charged += len([charge for charge in self.judge.charges() if charge["status"] == "succeeded"])

    def _judged(self, *, permitted: bool = False) -> None:
        """After a step; without a worker's step nothing is charged at all."""
        type(self).steps += 1
        self.judge.look(self._now(), permitted=permitted)
        assert len(self._open_attempts()) <= 1

    def _permitted(self) -> bool:
        """Whether a card may be charged as things stand."""
        shown = self.run(self.scene.shown(self.wallet))
        self.judge.in_force(self._now())
        [(position,)] = self.sql("SELECT wallet + held FROM wallets WHERE wallet_id = %s", self.number)
        return bool(shown["status"] == "on" and position < Decimal(shown["threshold"]) * 1_000_000)

    def _set(self, **terms: Any) -> None:
        shown = self.run(self.scene.set(self.wallet, **terms))
        agreed = Agreed(
            amount=cents(shown["amount"]),
            maximum=shown["maximum_per_month"],
            spend_cap=cents(shown["monthly_spend_cap"]),
            zone=ZoneInfo(shown["time_zone"]),
        )
        self.judge.agree(agreed, self._now())
        self._judged()

    async def _work(self, desk: Desk) -> None:
        await look_at_due(desk)
        for attempt in await self._claim(desk):
            await step(desk, attempt)

    async def _claim(self, desk: Desk) -> list[Attempt]:
        async with desk.database.transaction() as connection:
            return await attempts.claim(connection, 10)

    def _told(self) -> list[Any]:
        """The oldest first."""
        return [event for event in reversed(listed(self.scene.sandbox, "events")) if event["type"] in EFFECTS]

    def _hear(self, told: list[Any]) -> None:
        async def do(event: Any) -> None:
            try:
                for job in jobs_of(read(json.dumps(event)), EFFECTS):
                    await job.does(self.scene.desk, job.about)
            except (StripeAway, StripeRefused) as error:
                note(f"{event['type']}: {error}")
            else:
                self.heard.add(event["id"])

        for event in told:
            self.run(do(event))

    def _stop(self, *, stopped: bool) -> None:
        answer = self.run(self.scene.api.send("PUT", "/v1/auto-refill/switch", json={"stopped": stopped}))
        assert answer.status_code == 200

    def _refund(self) -> None:
        """Of what was paid last, if anything is left of it."""
        last = "SELECT payment FROM payments WHERE wallet_id = %s AND state = 'paid' ORDER BY paid_at DESC LIMIT 1"
        for (payment,) in self.sql(last, self.number):
            name = row_public("pay", self.number, payment)
            wanted = {"reason": "asked for", "force": True}
            answer = self.run(self.scene.api.post(f"/v1/payments/{name}/refunds", wanted))
            assert answer.status_code in (201, 409, 422), answer.text

    def _top_up(self) -> None:
        """A person buys by a link; we hear of it some time."""
        link = self.run(self.scene.api.post(f"/v1/wallets/{self.wallet}/payment-links", {"amount": "20.00"})).json()
        self._open(link["payment_url"])
        self._pay(-1, "pm_card_visa")

    def _dispute(self) -> None:
        """The newest charge that can be."""
        for charge in self.judge.charges():
            if charge["status"] == "succeeded" and not charge["disputed"]:
                self._control(f"/dispute/{charge['payment_intent']}", outcome="open")
                return

    def _links(self) -> list[Any]:
        """Of refills that a person has to pay."""
        query = """SELECT payment, token FROM payments
            WHERE wallet_id = %s AND refill IS NOT NULL AND state IN ('pending', 'open')"""
        return [Link(*row) for row in self.sql(query, self.number)]

    def _open(self, url: str) -> None:
        page = self.run(self.scene.api.client.get(url[url.index("/pay/") :], headers={"Authorization": ""}))
        if page.status_code == 303:
            self.sessions.append(page.headers["location"].partition("?")[0].rpartition("/")[2])

    def _pay(self, place: int, name: str) -> None:
        if -place <= len(self.sessions):
            self._control(f"/pay/{self.sessions[place]}", payment_method=name)

    def _control(self, path: str, **wanted: Any) -> None:
        """Have it done, if that can be."""
        answer = http(self.scene.sandbox.base).post(f"/_sim{path}", json=wanted)
        assert answer.status_code < 500, answer.text

    def _ahead(self, by: timedelta) -> None:
        self.sql("UPDATE clock SET ahead_us = ahead_us + %s", by // timedelta(microseconds=1))
        self.ahead += by
        there = self.ahead - self.ahead_there
        if there > timedelta():
            self.ahead_there = self.ahead
            self.scene.sandbox.pass_time(there.total_seconds())

    def _now(self) -> datetime:
        [(now,)] = self.sql("SELECT ledger_now()")
        assert isinstance(now, datetime)
        return now

    def _open_attempts(self) -> list[Any]:
        query = "SELECT attempt, state, reason FROM refill_attempts WHERE wallet_id = %s AND ended_at IS NULL"
        return self.sql(query, self.number)


def cents(amount: str) -> int:
    return round(float(amount) * 100)
