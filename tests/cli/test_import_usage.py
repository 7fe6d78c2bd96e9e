"""import-usage: what is in the file is charged once, however often it is run."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ledger.book.verify import verify_now
from ledger.cli.import_usage import decimal, micro, read
from tests.support.serving import Served, served

ROWS = 1_234
TRACE = Path(__file__).parents[3] / "shared" / "data" / "llm_requests.csv"


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(database_url, tmp_path_factory.mktemp("api")) as found:
        yield found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trace") / "requests.csv"
    with path.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["TIMESTAMP", "ContextTokens", "GeneratedTokens"])
        for row in range(ROWS):
            writer.writerow([f"2023-11-16 18:{row // 60 % 60:02d}:{row % 60:02d}.1234567", row * 37 % 5000, row % 200])
    return path


def run(server: Served, file: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "ledger.cli", "import-usage", str(file), "--api", server.api, "--key", server.key]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_second_run_posts_nothing(server: Served, file: Path, database_url: str) -> None:
    """The total in the books is the file's, to the last micro-credit, after one run and after two."""
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    expected = sum(
        Decimal(row["ContextTokens"]) * Decimal("0.001") + Decimal(row["GeneratedTokens"]) * Decimal("0.004")
        for row in rows
    )
    charged = len(read(file))
    first, second = run(server, file), run(server, file)
    assert (first["posted"], first["replayed"], first["refused"]) == (charged, 0, 0)
    assert (second["posted"], second["replayed"], second["refused"]) == (0, charged, 0)
    assert Decimal(first["credits_booked"]) == Decimal(second["credits_booked"]) == expected
    assert first["equal"] and second["equal"]
    report = verify_now(database_url)
    assert report.ok, report.faults


def test_amounts_are_integers_all_the_way() -> None:
    """Decimal strings and micro-credits are each other's inverse."""
    for amount in (1, 999_999, 1_000_000, 19_043_558_000, 10**18 - 1):
        assert micro(decimal(amount)) == amount


def test_a_bad_row_is_named(tmp_path: Path) -> None:
    """Nothing is charged of a file that cannot be read."""
    path = tmp_path / "bad.csv"
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1,2\n2023-11-16 18:17:04,x,2\n")
    with pytest.raises(ValueError, match="row 2"):
        read(path)


@pytest.mark.skipif(not TRACE.exists(), reason=f"the trace of real requests is not at {TRACE.name}")
def test_the_trace_of_real_requests_is_read() -> None:
    """8,819 requests, each of which costs something."""
    assert len(read(TRACE)) == 8_819
