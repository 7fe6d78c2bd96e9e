"""One run: events are told at a steady pace to ten receivers that take them, then to the ten and to ten that fail, each
in another way; then the clock is moved until every delivery is delivered or exhausted, and all of it is judged.

Real processes all of them: PostgreSQL, Valkey, a worker with two children, beat. Events are told by a door of the run's
own, at moments that the seed draws; what a receiver has had is what it wrote down itself.
"""

import asyncio
import os
import random
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ledger.book.commands import Attempt, Refused, Tell
from ledger.book.door import Door
from ledger.book.verify import verify_now
from ledger.events.payloads import MethodExpiring
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.secret_keys import new_key
from tests.faults.stack import Stack, new_home
from tests.faults.storm.judge import judge
from tests.faults.storm.report import Report, Waits
from tests.faults.street import Street, drained, environ, hooks
from tests.faults.torture.report import commit
from tests.support.book import new_wallets
from tests.support.waiting import until

PACE_PER_S = 20.0
"""Two hundred deliveries a second to the ten: a fraction of what one courier sends on two cores."""

WALLETS = 100
ALONE_PER_EVENTS = 4
"""One event is told to the ten alone for so many that are told to all."""

ALONE_MIN = 40
WARM = 20
"""Events before the first that counts: processes, connections, prepared statements."""

PATIENCE_S = 600.0
SAY_S = 20.0


def storm(seed: int, events: int, pace_per_s: float, data: Path, say: Callable[[str], None]) -> Report:
    """Run it; after a failure the logs are left in ``data``."""
    shutil.rmtree(data, ignore_errors=True)
    home, report, keys = new_home(), Report(seed, events, pace_per_s, commit()), new_key()
    began = time.monotonic()
    with Stack(home, "worker", "beat", settings=environ(keys)) as stack, Street().open() as street:
        _Run(stack.url, keys, street, report, say).run()
        report.seconds = round(time.monotonic() - began, 1)
        report.load_after = os.getloadavg()
        if not report.ok:
            data.mkdir(parents=True)
            shutil.copytree(home / "logs", data / "logs", dirs_exist_ok=True)
    return report


class _Run:
    def __init__(self, url: str, keys: str, street: Street, report: Report, say: Callable[[str], None]) -> None:
        self._url = url
        self._keys = keys
        self._street = street
        self._report = report
        self._say = say
        self._chance = random.Random(report.seed)
        self._wallets = new_wallets(url, WALLETS)
        self._told: list[str] = []
        """What was told, by the name that it has in its event."""

    def run(self) -> None:
        report, street = self._report, self._street
        for receiver, secret in zip(
            street.healthy, hooks(self._url, self._keys, [one.port for one in street.healthy]), strict=True
        ):
            receiver.secret = secret
        self._tell("warm", WARM)
        report.alone = self._tell("alone", max(ALONE_MIN, report.wanted // ALONE_PER_EVENTS))
        self._say(f"alone: {report.alone}")
        hooks(self._url, self._keys, list(street.failing.values()))
        report.beside = self._tell("beside", report.wanted)
        self._say(f"beside those that fail: {report.beside}")
        began = time.monotonic()
        report.moved_h = drained(self._url, self._say) / 3600
        report.drained_s = round(time.monotonic() - began, 1)
        judge(self._url, street, self._told, report)
        verified = verify_now(self._url)
        report.verify_ok, report.verified = verified.ok, verified.checked
        report.findings += [f"verify: {fault}" for fault in verified.faults]

    def _tell(self, part: str, count: int) -> Waits:
        """Tell so many events, and wait until those that take them have all."""
        names = [f"pm_{part}_{number}" for number in range(count)]
        came_before = [len(receiver.came) for receiver in self._street.healthy]
        began = time.monotonic()
        answered = asyncio.run(self._paced(names))
        self._told += names
        until(
            lambda: all(len(one.came) >= len(self._told) for one in self._street.healthy),
            f"those that take events have all of {part}",
            patience_s=PATIENCE_S,
        )
        seconds = time.monotonic() - began
        waits: list[list[float]] = []
        for receiver, before in zip(self._street.healthy, came_before, strict=True):
            first: dict[str, float] = {}
            for came in receiver.came[before:]:
                first.setdefault(name_of(came.event), came.at)
            waits.append([at - answered[name] for name, at in first.items() if name in answered])
        return Waits.of(waits, seconds)

    async def _paced(self, names: Sequence[str]) -> dict[str, float]:
        """Tell an event of each name, whatever becomes of those before; when each was answered."""
        database = Database(self._url, role=SERVICE_ROLE)
        door = Door(database)
        await door.start()
        answered: dict[str, float] = {}

        async def tell(name: str) -> None:
            command = Tell(
                wallet_id=self._chance.choice(self._wallets), of_type="payment_method.expiring", data=_card(name)
            )
            [outcome] = await door.submit(
                [Attempt(command=command, key=name, namespace="client:storm", actor="key_storm")]
            )
            assert not isinstance(outcome, Refused), outcome
            answered[name] = time.monotonic()

        at = said = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number, name in enumerate(names):
                at += self._chance.expovariate(self._report.pace_per_s)
                await asyncio.sleep(at - time.monotonic())
                group.create_task(tell(name))
                if at > said + SAY_S:
                    said = at
                    fewest = min(len(receiver.came) for receiver in self._street.healthy)
                    self._say(f"{number + 1:,} of {len(names):,} told; {fewest:,} came to the last of the ten")
        await door.stop()
        await database.dispose()
        return answered


def name_of(event: dict[str, dict[str, str]]) -> str:
    """The name under which an event was told."""
    return event["data"]["payment_method_id"]


def _card(name: str) -> MethodExpiring:
    return MethodExpiring(
        payment_method_id=name, brand=None, last4=None, exp_month=None, exp_year=None, is_default=True
    )
