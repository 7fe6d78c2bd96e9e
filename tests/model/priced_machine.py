"""The machine with prices and hard budgets: measured usage among all else that a book can do.

What an event is charged is compared as it is stored, with the free and the billed part of it; a quote must be what is
then charged; the card changes between the steps, and budgets are made in the middle of their periods.
"""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from msgspec import structs

from ledger.book.commands import Attempt, BookDue, Command, Inflow, Measure, Reverse, Use
from ledger.kit.ids import row_public
from ledger.kit.money import format_amount
from ledger.rates.numbers import format_decimal
from tests.model import workload
from tests.model.book import ModelBook
from tests.model.driver import Answer, State
from tests.model.http import REASON
from tests.model.limits import Limit, start_of, used
from tests.model.machine import LedgerMachine, compare, compare_state
from tests.model.model import Model
from tests.model.priced import PricedModel
from tests.model.priced_driver import PricedDriver
from tests.model.tariff import DECIMALS, METERS, SELECTORS, bodies, price_of

LIMITS_MAX = 3
CREDITS = st.sampled_from([40, 200, 900])


class PricedMachine(LedgerMachine):
    """``driver`` and ``runner`` are set by the test that runs it; they outlive the examples."""

    driver: PricedDriver
    model: PricedModel
    make_model = PricedModel

    def __init__(self) -> None:
        super().__init__()
        self.runner.run(self.driver.add_meters())
        for meter in METERS:
            free = meter.free_monthly
            name = meter.service, meter.meter
            self.model.decimals[name] = meter.decimals
            if free is not None:
                self.model.prices.free[name] = Fraction(free)

    @initialize(data=st.data())
    def price(self, data: st.DataObject) -> None:
        """The first price of each selector, which may begin in the past; and some credits to begin with."""
        for service, dimensions, ago in SELECTORS:
            self._price(data.draw(bodies(service, dimensions)), self.start - ago)
        for wallet_id in self.wallet_ids:
            credits = Inflow(wallet_id=wallet_id, amount=data.draw(CREDITS), source="promotional")
            self._together([[self._attempt_of(self.driver.adapt(credits, in_batch=False))]])
        self.make_budget(0, None, "month", data.draw(st.sampled_from([2, 8, 30])), True)

    @rule(data=st.data(), half_hours=st.sampled_from([None, None, 1, 3, 51]))
    def change_price(self, data: st.DataObject, half_hours: int | None) -> None:
        """The next version, from now or from later on."""
        service, dimensions, _ = data.draw(st.sampled_from(SELECTORS))
        now = self.driver.now()
        begins = None if half_hours is None else now + timedelta(minutes=30 * half_hours)
        if all(each.valid_from < now for each in self.model.prices.versions(service, dimensions)):
            self._price(data.draw(bodies(service, dimensions)), begins)

    @rule(
        wallet=st.integers(0, 2),
        service=st.sampled_from([None, None, "chat", "calls", "tokens"]),
        period=st.sampled_from(["day", "week", "month"]),
        micro=st.sampled_from([1, 4, 12, 40]),
        hard=st.sampled_from([True, True, True, False]),
    )
    def make_budget(self, wallet: int, service: str | None, period: str, micro: int, hard: bool) -> None:
        book = self.model.books[self.wallet_ids[wallet]]
        if len(book.limits) == LIMITS_MAX:
            return
        body: dict[str, Any] = {"period": period, "limit": format_amount(micro), "hard": hard}
        now = self.driver.now()
        number = self.runner.run(
            self.driver.make_budget(book.wallet_id, body | ({"service": service} if service else {}))
        )
        book.limits[number] = Limit(service, period, micro, hard, start_of(now, period))
        # Whoever makes one has booked what is due.
        due = Attempt(command=BookDue(wallet_id=book.wallet_id), key="due", namespace="x", actor="x")
        state = self.driver.state(self.wallet_ids)
        self.model.know(state)
        self.model.judge([due], now)
        problem = self.differs(self.model, state)
        assert not problem, problem

    @rule(data=st.data(), together=st.booleans(), atomic=st.booleans())
    def measure(self, data: st.DataObject, together: bool, atomic: bool) -> None:
        """Some events of one wallet, in one request or in several at once."""
        wallet_id, now = data.draw(st.sampled_from(self.wallet_ids)), self.driver.now()
        uses = [self.driver.adapt(data.draw(measured(wallet_id, now)), in_batch=True) for _ in range(3)]
        attempts = [self._attempt_of(use) for use in uses]
        self._together([attempts] if together else [[attempt] for attempt in attempts], atomic=atomic and together)

    @rule(data=st.data())
    def quote_and_post(self, data: st.DataObject) -> None:
        """Nothing is between them: the same credits out of the same lots, or the same refusal."""
        now = self.driver.now()
        wallet_id = data.draw(st.sampled_from(self.wallet_ids))
        attempt = self._attempt_of(self.driver.adapt(data.draw(measured(wallet_id, now)), in_batch=False))
        quote = self.runner.run(self.driver.quote(attempt))
        before = self.driver.state(self.wallet_ids)
        outcomes = self._together([[attempt]])
        assert compare_state(self.model, before) or "code" in quote, "a quote posted something"
        self._compare_quote(quote, outcomes[0][0], self.model.books[wallet_id])

    @rule(data=st.data(), times=st.sampled_from([1, 1, 2]))
    def amend(self, data: st.DataObject, times: int) -> None:
        """A void and the right quantity, both or neither; perhaps the same request twice at once."""
        which, quantity = data.draw(workload.PICKS), data.draw(st.integers(1, 6_000))
        events = [(book, t) for book in self.model.books.values() for t in book.journal if "cost" in t]
        if not events:
            return
        book, transaction = events[(which[1] * 7 + which[0]) % len(events)]
        was: Use = transaction["used"]
        assert was.measure is not None
        number, places = transaction["number"], DECIMALS[was.service, was.measure.meter]
        quantity = max(1, quantity * 10**places // 1_000)
        facts = {
            **was.facts,
            "amends": row_public("txn", book.wallet_id, number),
            "quantity": format_decimal(quantity, places),
        }
        use = Use(
            wallet_id=book.wallet_id,
            amount=0,
            service=was.service,
            effective_at=transaction["occurred_at"],
            description=REASON,
            facts=facts,
            measure=structs.replace(was.measure, quantity=quantity, amends=number),
            backfill=True,
        )
        void = Reverse(wallet_id=book.wallet_id, number=number, void=True, description=REASON)
        key = f"k{next(self.keys)}"
        both: list[tuple[Command, str]] = [(void, "amend:client:model"), (use, "client:model")]
        attempts = [
            Attempt(command=command, key=key, namespace=namespace, actor=self.driver.actor)
            for command, namespace in both
        ]
        self._together([attempts] * times, atomic=True)

    @rule(days=st.sampled_from([9, 20]))
    def advance_days(self, days: int) -> None:
        """Into the next month, every now and then."""
        self.driver.advance(24 * days)

    # How

    def commands(self, now: datetime) -> st.SearchStrategy[Command]:
        wallets = st.sampled_from(self.wallet_ids)
        plain = super().commands(now)
        uses = wallets.flatmap(lambda wallet_id: measured(wallet_id, now))
        return st.one_of(plain, plain, uses, uses, wallets.flatmap(self._voids))

    def _voids(self, wallet_id: int) -> st.SearchStrategy[Command]:
        """Mostly of usage, which may be voided already."""
        journal = self.model.books[wallet_id].journal
        choices = [
            [t["number"] for t in journal if t["kind"] == "usage"],
            [t["number"] for t in journal],
            [workload.NEVER],
        ]
        return workload.PICKS.map(
            lambda which: Reverse(wallet_id=wallet_id, number=workload.pick(which, choices), void=True)
        )

    def differs(self, model: Model, state: State) -> str:
        problem = super().differs(model, state)
        assert isinstance(model, PricedModel)
        for wallet_id, book in model.books.items():
            for name, expected in (("usage", priced(model, book)), ("spent", spent(book))):
                found = state[wallet_id][name]
                places = expected.keys() | found.keys()
                wrong = [place for place in places if expected.get(place) != found.get(place)]
                if wrong and not problem:
                    place = wrong[0]
                    problem = f"{name} {place}: expected {expected.get(place)}, found {found.get(place)}"
        return problem

    def _price(self, body: dict[str, Any], valid_from: datetime | None) -> None:
        self.model.prices.add(price_of(body, self.runner.run(self.driver.add_price(body, valid_from))))

    def _compare_quote(self, quote: Answer, answer: Answer, book: ModelBook) -> None:
        if "code" in quote or "code" in answer:
            expected = {**answer, "replayed": quote.get("replayed")}
            assert not compare(expected, quote), f"a quote said {quote}, and then it was {answer}"
            return
        lines = [line for line in book.journal[answer["number"] - 1]["postings"] if line[2].startswith("used:")]
        lots = [(lot, amount) for _, _, _, _, amount, lot, *_ in lines if lot is not None]
        assert {"charged": sum(line[4] for line in lines), "lots": lots} == quote


@st.composite
def measured(draw: st.DrawFn, wallet_id: int, now: datetime) -> Use:
    """Some thousandths of a unit up to six; most often of now, else of an instant of up to 34 days ago, or too late."""
    meter = draw(st.sampled_from(METERS))
    quantity = max(1, draw(st.integers(1, 6_000)) * 10**meter.decimals // 1_000)
    dimensions = {
        name: draw(st.sampled_from(values or ["x", "y"]))
        for name, values in meter.dimensions.items()
        if draw(st.booleans())
    }
    days = draw(st.sampled_from([None, None, None, 0, 3, 10, 25, 34, 40]))
    return Use(
        wallet_id=wallet_id,
        amount=0,
        service=meter.service,
        event_id=draw(st.sampled_from([None, None, None, "e1", "e2", "e3"])),
        effective_at=None if days is None else now - timedelta(days=days),
        measure=Measure(meter.meter, quantity, dimensions),
    )


def priced(model: PricedModel, book: ModelBook) -> dict[int, tuple[Any, ...]]:
    """Priced events as they must be stored, by number."""
    voids = {t["reverses"]: t["number"] for t in book.journal if t["kind"] == "void"}
    found = {}
    for transaction in book.journal:
        if "cost" in transaction:
            cost, use = transaction["cost"], transaction["used"]
            service, meter, month, _ = cost.place
            one = 10 ** model.decimals[service, meter]
            counted = (use.measure.quantity, cost.micro, cost.free * one, cost.billed * one)
            number = transaction["number"]
            found[number] = (service, meter, month, *counted, voids.get(number))
    return found


def spent(book: ModelBook) -> dict[tuple[int, datetime], int]:
    """What must be kept as spent, by budget and period, where it is not nothing."""
    found = {}
    for number, limit in book.limits.items():
        for start in {start_of(at, limit.period) for at, _, _ in used(book.journal)}:
            micro = limit.spent(book.journal, start)
            if micro:
                found[number, start] = micro
    return found
