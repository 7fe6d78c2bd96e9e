"""One machine, several drivers: every answer and every row must be what the model says.

Each example works on wallets of its own and ends in verify. Attempts that were given together may be
carried out in any order that explains all their answers; with few of them, all orders are tried.
"""

import asyncio
import copy
import itertools
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from ledger.book.commands import Attempt, Command
from tests.model import workload
from tests.model.driver import Answer, Driver, State
from tests.model.model import Model, balances, undoes

WALLETS = 3


class LedgerMachine(RuleBasedStateMachine):
    """``driver`` and ``runner`` are set by the test that runs it; they outlive the examples."""

    driver: Driver
    runner: asyncio.Runner
    make_model: Callable[[], Model] = Model

    def __init__(self) -> None:
        super().__init__()
        self.driver.reset()
        self.wallet_ids = self.driver.new_wallets(WALLETS)
        self.model = type(self).make_model()
        for wallet_id in self.wallet_ids:
            self.model.open_wallet(wallet_id)
        self.start = self.driver.now()
        self.given: list[Attempt] = []
        self.keys = itertools.count(1)

    def teardown(self) -> None:
        self.driver.check(self.wallet_ids)

    # Steps

    @rule(data=st.data())
    def one(self, data: st.DataObject) -> None:
        """One command in a request of its own."""
        self._together([[self._attempt(data)]])

    @rule(data=st.data(), atomic=st.booleans())
    def batch(self, data: st.DataObject, atomic: bool) -> None:
        """Several commands in one request."""
        attempts = [self._attempt(data, in_batch=True) for _ in range(data.draw(st.integers(2, 5)))]
        if self.driver.keys_once:
            attempts = list({attempt.key: attempt for attempt in attempts}.values())
        self._together([attempts], atomic=atomic)

    @rule(data=st.data())
    def race(self, data: st.DataObject) -> None:
        """Requests that arrive together, at different instances of the service."""
        self._together([[self._attempt(data)] for _ in range(data.draw(st.integers(2, 3)))])

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """An attempt again, perhaps twice at once."""
        if self.given:
            attempt = data.draw(st.sampled_from(self.given))
            self._together([[attempt]] * data.draw(st.integers(1, 2)))

    @rule(hours=workload.ADVANCES)
    def advance(self, hours: int) -> None:
        self.driver.advance(hours)

    @rule(days=st.sampled_from([0, 1, 9]))
    def close_period(self, days: int) -> None:
        ends_at = self.driver.now() - timedelta(days=days, minutes=10)
        self.driver.close_period(ends_at)
        self.model.open_from = max(self.model.open_from, ends_at)

    # How

    def commands(self, now: datetime) -> st.SearchStrategy[Command]:
        """What to draw an attempt's command from."""
        return workload.commands(self.model, self.wallet_ids, self.start, now)

    def differs(self, model: Model, state: State) -> str:
        """How what is stored differs from a model; nothing where it does not."""
        return compare_state(model, state)

    def _attempt(self, data: st.DataObject, *, in_batch: bool = False) -> Attempt:
        now = self.driver.now()
        command: Command = data.draw(self.commands(now))
        command = self.driver.adapt(command, in_batch=in_batch)
        key = data.draw(st.sampled_from(self.given)).key if self.given and data.draw(st.integers(0, 19)) == 0 else None
        return self._attempt_of(command, key)

    def _attempt_of(self, command: Command, key: str | None = None) -> Attempt:
        """Under a key of its own, unless one is given."""
        key = f"k{next(self.keys)}" if key is None else key
        attempt = Attempt(command=command, key=key, namespace="client:model", actor=self.driver.actor)
        self.given.append(attempt)
        return attempt

    def _together(self, requests: list[list[Attempt]], *, atomic: bool = False) -> list[list[Answer]]:
        now = self.driver.now()
        outcomes = self.runner.run(self._submit(requests, atomic))
        state = self.driver.state(self.wallet_ids)
        problem = ""
        for order in itertools.permutations(range(len(requests))):
            model = copy.deepcopy(self.model) if len(requests) > 1 else self.model
            problem = _explain(model, [requests[i] for i in order], [outcomes[i] for i in order], now, state, atomic)
            problem = problem or self.differs(model, state)
            if not problem:
                self.model = model
                return outcomes
        for attempts, answers in zip(requests, outcomes, strict=True):
            for attempt, outcome in zip(attempts, answers, strict=True):
                note(f"{attempt} → {outcome}")
        raise AssertionError(problem)

    async def _submit(self, requests: list[list[Attempt]], atomic: bool) -> list[list[Answer]]:
        return await asyncio.gather(*(self.driver.submit(request, atomic=atomic) for request in requests))


def _explain(
    model: Model,
    requests: list[list[Attempt]],
    outcomes: list[list[Answer]],
    now: datetime,
    state: State,
    atomic: bool,
) -> str:
    """Carry the requests out in the model; the first difference, or nothing."""
    model.know(state)
    for attempts, answers in zip(requests, outcomes, strict=True):
        expected = model.judge(attempts, now, atomic=atomic)
        refused = atomic and any(undoes(answer) for answer in expected)
        for attempt, should, outcome in zip(attempts, expected, answers, strict=True):
            if refused and outcome.get("code") == "BATCH_REFUSED":
                continue
            difference = compare(should, outcome)
            if difference:
                return f"{attempt}: {difference}"
        if refused and all(answer.get("code") == "BATCH_REFUSED" for answer in answers):
            return f"no culprit is named: {expected}"
    return ""


def compare(expected: Answer, got: Answer) -> str:
    """How an answer differs from the model's, in what both speak of."""
    facts = expected.get("facts", {})
    if "stands" in got:
        of = facts if expected.get("code") == "ALREADY_POSTED" else expected
        expected = {"stands": (of.get("wallet_id"), of.get("number"))}
    expected = {name: value for name, value in expected.items() if name in got and name != "facts"}
    same = expected == {name: value for name, value in got.items() if name != "facts"}
    told = {name: value for name, value in got.get("facts", {}).items() if name in facts}
    if same and told == {name: facts[name] for name in told}:
        return ""
    return f"expected {expected} {facts}, got {got}"


def compare_state(model: Model, state: State) -> str:
    """How what is stored differs from the model."""
    for wallet_id, book in model.books.items():
        found = state[wallet_id]
        for should, row in itertools.zip_longest(book.journal, found["journal"]):
            if should is None or row is None:
                return f"wallet {wallet_id}: expected {should}, found {row}"
            names = [name for name in row if not (name == "fingerprint" and should[name] is None)]
            different = [name for name in names if should[name] != row[name]]
            if different:
                name = different[0]
                kind, number = should["kind"], should["number"]
                return f"{kind} {number}: {name}: expected {should[name]}, found {row[name]}"
        if book.lots != found["lots"]:
            return f"lots: {_first_difference(book.lots, found['lots'])}"
        holds = {
            name: {**hold, "slices": {lot: pinned for lot, pinned in hold["slices"].items() if pinned}}
            for name, hold in book.holds.items()
        }
        if holds != found["holds"]:
            return f"holds: {_first_difference(holds, found['holds'])}"
        if (book.status, balances(book)) != (found["status"], found["balances"]):
            return f"wallet: expected {book.status} {balances(book)}, found {found}"
    return ""


def _first_difference(expected: dict[int, Any], found: dict[int, Any]) -> str:
    names: Sequence[int] = sorted(expected.keys() | found.keys())
    name = next(name for name in names if expected.get(name) != found.get(name))
    return f"{name}: expected {expected.get(name)}, found {found.get(name)}"
