"""``credit-ledger import-usage``: a file of requests to a language model, charged as usage through the API.

The file has the columns TIMESTAMP, ContextTokens and GeneratedTokens. Row n is charged to wallet n modulo 50, and its
number is the ``event_id``: it names the fact, so that a second run posts nothing, whatever became of the first. Times
are moved so that the last request was an hour ago. All amounts are integers of micro-credits, and what the books say
in the end is compared with the file's own total.
"""

from __future__ import annotations

import csv
import hashlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import httpx

from ledger.cli.output import emit_json, json_option
from ledger.cli.where import running

CONTEXT_MICRO = 1_000
"""0.001 credits for a token of the context."""

GENERATED_MICRO = 4_000
"""0.004 credits for a generated token."""

WALLETS = 50
SERVICE = "code_completion"
BATCH = 1_000
TRIES = 5
MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """A row of the file: number 1 is the first below the header."""

    row: int
    at: datetime
    micro: int

    @property
    def owner(self) -> str:
        return f"import-{self.row % WALLETS}"


@dataclass(kw_only=True)
class Outcome:
    """What came of a run; amounts in micro-credits."""

    posted: int = 0
    replayed: int = 0
    refused: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    booked_micro: int = 0
    file_micro: int = 0
    seconds: float = 0.0

    @property
    def equal(self) -> bool:
        return self.booked_micro == self.file_micro


@click.command("import-usage")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--api", help="Address of the API; by default the one that `up` runs here.")
@click.option("--key", help="An API key that may write; by default the one that `up` made.")
@json_option
def import_usage(file: Path, api: str | None, key: str | None, as_json: bool) -> None:
    """Charge the requests in FILE as usage; a second run posts nothing."""
    here = running()
    api, key = api or here.get("api"), key or here.get("key")
    if not api or not key:
        raise click.ClickException("no API: give --api and --key, or run `credit-ledger up` in this directory first")
    try:
        requests = read(file)
        with httpx.Client(base_url=api, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
            outcome = Importer(client).run(requests, digest(file))
    except (ValueError, httpx.HTTPError) as error:
        raise click.ClickException(str(error)) from error
    _show(outcome, as_json)
    if outcome.refused or not outcome.equal:
        raise SystemExit(1)


def read(file: Path) -> list[Request]:
    """The rows that cost something. Raises ValueError, naming the row."""
    with file.open(newline="") as lines:
        return [request for request in _rows(csv.DictReader(lines)) if request.micro]


def digest(file: Path) -> str:
    """What stands for the file's contents."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def _rows(rows: Iterator[dict[str, str]]) -> Iterator[Request]:
    for number, row in enumerate(rows, start=1):
        try:
            tokens = int(row["ContextTokens"]), int(row["GeneratedTokens"])
            at = datetime.fromisoformat(row["TIMESTAMP"][:26]).replace(tzinfo=UTC)
            if min(tokens) < 0:
                raise ValueError("tokens are never below zero")
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"row {number} of the file cannot be read: {error!r}") from error
        yield Request(number, at, tokens[0] * CONTEXT_MICRO + tokens[1] * GENERATED_MICRO)


class Importer:
    """Charges requests through the API."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._run = secrets.token_hex(6)

    def run(self, requests: list[Request], mark: str) -> Outcome:
        """Give the wallets what they need (once for a file), charge, and read back what is booked."""
        began = time.perf_counter()
        outcome = Outcome(file_micro=sum(request.micro for request in requests))
        if requests:
            self._give(requests, mark)
            shift = datetime.now(UTC) - timedelta(hours=1) - max(request.at for request in requests)
            for start in range(0, len(requests), BATCH):
                self._charge(requests[start : start + BATCH], shift, outcome)
            outcome.booked_micro = self._booked({str(request.row) for request in requests})
        outcome.seconds = time.perf_counter() - began
        return outcome

    def _give(self, requests: list[Request], mark: str) -> None:
        needs: dict[str, int] = {}
        for request in requests:
            needs[request.owner] = needs.get(request.owner, 0) + request.micro
        for owner, micro in needs.items():
            body = {"amount": decimal(micro), "source": "promotional", "reason": "for imported usage"}
            headers = {"Idempotency-Key": f"import-usage:{mark}"}
            self._ask("POST", f"/v1/wallets/user:{owner}/credits", json=body, headers=headers)

    def _charge(self, requests: list[Request], shift: timedelta, outcome: Outcome) -> None:
        items = [
            {
                "user_id": request.owner,
                "key": f"import-{self._run}-{request.row}",
                "event_id": str(request.row),
                "service": SERVICE,
                "credits": decimal(request.micro),
                "occurred_at": (request.at + shift).isoformat(),
            }
            for request in requests
        ]
        for result in self._ask("POST", "/v1/usage/batch", json={"items": items})["results"]:
            status = result["status"]
            setattr(outcome, status, getattr(outcome, status) + 1)
            if status == "refused":
                code = result["problem"]["code"]
                outcome.codes[code] = outcome.codes.get(code, 0) + 1

    def _booked(self, events: set[str]) -> int:
        """What the books of the wallets say that these events cost."""
        total = 0
        for number in range(WALLETS):
            query: dict[str, Any] = {"kind": "usage", "limit": 100}
            while True:
                page = self._ask("GET", f"/v1/wallets/user:import-{number}/transactions", params=query)
                total += sum(micro(item["amount"]) for item in page["items"] if item["event_id"] in events)
                if page["next_cursor"] is None:
                    break
                query["cursor"] = page["next_cursor"]
        return total

    def _ask(self, method: str, path: str, **arguments: Any) -> Any:
        """The answer; tried again, with the same keys, where it is not known whether the request arrived."""
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._client.request(method, path, **arguments)
            except httpx.TransportError:
                if attempt == TRIES:
                    raise
            else:
                if answer.is_success:
                    return answer.json()
                if attempt == TRIES or answer.status_code not in (409, 429, 503):
                    raise ValueError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
            time.sleep(0.2 * 2**attempt)
        raise AssertionError("unreachable")


def decimal(amount_micro: int) -> str:
    """Micro-credits as a decimal string, without any float."""
    return f"{amount_micro // MICRO}.{amount_micro % MICRO:06d}"


def micro(amount: str) -> int:
    """A decimal string of credits in micro-credits."""
    whole, _, part = amount.partition(".")
    return int(whole) * MICRO + int(part.ljust(6, "0"))


def _show(outcome: Outcome, as_json: bool) -> None:
    shown = {
        "posted": outcome.posted,
        "replayed": outcome.replayed,
        "refused": outcome.refused,
        "refused_codes": outcome.codes,
        "credits_booked": decimal(outcome.booked_micro),
        "credits_in_file": decimal(outcome.file_micro),
        "equal": outcome.equal,
        "seconds": round(outcome.seconds, 2),
    }
    if as_json:
        emit_json(shown)
        return
    click.echo(f"posted           {outcome.posted}\nreplayed         {outcome.replayed}")
    refused = ", ".join(f"{count} {code}" for code, count in sorted(outcome.codes.items()))
    click.echo(f"refused          {outcome.refused}" + (f" ({refused})" if refused else ""))
    click.echo(f"credits booked   {shown['credits_booked']}\ncredits in file  {shown['credits_in_file']}")
    click.echo(f"equal            {'yes' if outcome.equal else 'NO'}")
    click.echo(f"seconds          {outcome.seconds:.2f}")
