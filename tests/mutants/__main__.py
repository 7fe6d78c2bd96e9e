"""``python -m tests.mutants [name …]``: every mutant, or those whose name has one of these words in it."""

import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from tests.mutants.lane import Lane, named, wrong_with
from tests.mutants.mutant import Mutant, Stale, mutated
from tests.mutants.table import MUTANTS
from tests.support import servers

LANES = 2


class Verdict(NamedTuple):
    """``wrong`` is empty where every test that is named with the mutant found it."""

    mutant: Mutant
    wrong: str
    output: str
    seconds: float


def main(words: Sequence[str]) -> int:
    """0 where all mutants are killed, else 1."""
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.name for word in words)]
    if not chosen:
        print(f"no mutant is named like {' or '.join(words)}")
        return 1
    try:
        for mutant in chosen:
            mutated(mutant)
    except Stale as stale:
        print(f"STALE {stale}")
        return 1
    began = time.monotonic()
    with servers.temporary() as environ, tempfile.TemporaryDirectory(prefix="credit-ledger-mutants-") as home:
        template = servers.migrated_template(environ["LEDGER_TEST_DATABASE_URL"], Path(home), "template_of_mutants")
        lanes = [Lane(Path(home, str(number)), environ, template) for number in range(LANES)]
        try:
            lanes[0].check_it_is_the_copy()
            if not _sound(lanes[0], chosen):
                return 1
            verdicts = _run(lanes, chosen)
        finally:
            for lane in lanes:
                lane.close()
    bad = [verdict for verdict in verdicts if verdict.wrong]
    for verdict in bad:
        print(f"\n{verdict.mutant.name}: {verdict.wrong}\n{verdict.mutant.why}\n{verdict.output[-4_000:]}")
    print(f"{len(verdicts)} mutants, {len(verdicts) - len(bad)} killed, {time.monotonic() - began:.0f} s")
    return 1 if bad else 0


def _sound(lane: Lane, chosen: Sequence[Mutant]) -> bool:
    """Without a fault every named test must pass, or its failure would say nothing."""
    tests = {test for mutant in chosen for test in mutant.killed_by}
    ran = lane.run_all(tests, LANES)
    wrong = sorted(test for test in tests if not named(ran.passed, test) or named(ran.failed | ran.broken.keys(), test))
    if wrong:
        print(ran.output)
        print("These do not pass without any fault:", *wrong, sep="\n  ")
    return not wrong


def _run(lanes: Sequence[Lane], chosen: Sequence[Mutant]) -> list[Verdict]:
    free: SimpleQueue[Lane] = SimpleQueue()
    for lane in lanes:
        free.put(lane)
    width = max(len(mutant.name) for mutant in chosen)

    def judge(mutant: Mutant) -> Verdict:
        lane = free.get()
        try:
            verdict = _judge(lane, mutant)
        finally:
            free.put(lane)
        tests = ", ".join(test.rpartition("::")[2] for test in mutant.killed_by)
        print(f"{mutant.name:{width}}  {'SURVIVES' if verdict.wrong else tests}  {verdict.seconds:.1f} s", flush=True)
        return verdict

    with ThreadPoolExecutor(len(lanes)) as pool:
        return list(pool.map(judge, chosen))


def _judge(lane: Lane, mutant: Mutant) -> Verdict:
    began = time.monotonic()
    try:
        ran = lane.run_mutant(mutant)
        wrong = wrong_with(mutant, ran)
    except (Stale, SyntaxError, TimeoutError) as error:
        ran, wrong = None, f"{type(error).__name__}: {error}"
    return Verdict(mutant, wrong, ran.output if ran else "", time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
