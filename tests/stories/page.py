"""A story told over HTTP, written down as a page that reads like a ledger.

A story calls the API with words in between; what comes out is a Markdown page, kept under docs/stories and
compared at every run: the page is documentation that cannot be wrong. ``UPDATE_STORIES=1`` writes it anew.
"""

import os
from pathlib import Path
from typing import Any

import httpx

from tests.support.api import Api

HOME = Path(__file__).parent.parent.parent / "docs" / "stories"


class Page:
    """The page of one story. Wallets are shown by the names they are given here."""

    def __init__(self, api: Api, title: str, intro: str) -> None:
        self._api = api
        self._lines = [f"# {title}", "", intro, ""]
        self._wallets: dict[str, str] = {}
        self._keys = 0

    def say(self, text: str) -> None:
        """A sentence between the steps."""
        self._lines += [text, ""]

    async def open(self, name: str, **fields: Any) -> str:
        """A new wallet under this name."""
        opened = await self._api.post("/v1/wallets", {"owner_id": f"story-{name}-{id(self)}"} | fields)
        assert opened.status_code == 201, opened.text
        self._wallets[str(opened.json()["id"])] = name
        return str(opened.json()["id"])

    async def step(self, text: str, path: str, body: dict[str, Any] | None = None, *, key: str | None = None) -> Any:
        """A call, with what it wrote or why it was refused; its JSON."""
        self._keys += 1
        answer = await self._api.post(path, body or {}, key=key or f"step {self._keys}".replace(" ", "-"))
        found = answer.json()
        self._lines += [f"**{text}**", ""]
        if answer.status_code >= 400:
            self._refusal(answer)
            return found
        replayed = " (replayed)" if answer.headers.get("Idempotency-Replayed") else ""
        first = found["transaction_id"] if "transaction_id" in found else found.get("transaction", found)["id"]
        leg = (await self._api.get(f"/v1/transactions/{first}")).json()
        self._transaction(leg, replayed)
        if leg["linked_transaction_id"] is not None:
            other = await self._api.get(f"/v1/transactions/{leg['linked_transaction_id']}")
            self._transaction(other.json(), replayed)
        return found

    async def balances(self, *wallet_ids: str) -> None:
        """The balances of these wallets, as a table."""
        self._lines += ["| wallet | balance | held | owed | available |", "|---|---:|---:|---:|---:|"]
        for wallet_id in wallet_ids:
            b = (await self._api.get(f"/v1/wallets/{wallet_id}/balance")).json()
            shown = " | ".join(str(b[name]) for name in ("balance", "held", "owed", "available"))
            self._lines.append(f"| {self._wallets[wallet_id]} | {shown} |")
        self._lines.append("")

    def end(self, name: str) -> None:
        """Compare the page with the one that is kept."""
        kept = HOME / f"{name}.md"
        told = "\n".join(self._lines).rstrip() + "\n"
        if os.environ.get("UPDATE_STORIES"):
            kept.write_text(told)
        assert kept.read_text() == told

    def _transaction(self, moved: dict[str, Any], replayed: str) -> None:
        wallet = self._wallets[moved["wallet_id"]]
        self._lines += [f"{wallet}, transaction {moved['number']}, {moved['kind']}{replayed}:", "", "```"]
        for p in moved["postings"]:
            lot = "" if p["lot_id"] is None else f"lot {p['lot_id'][15:]}"
            self._lines.append(
                f"{p['debit']:>22} → {p['credit']:<22} {p['amount']:>10} {p['asset']:<6} {lot:<6}"
                f" balance {p['balance_after']}".rstrip()
            )
        self._lines += ["```", ""]

    def _refusal(self, answer: httpx.Response) -> None:
        problem = answer.json()
        facts = {name: problem[name] for name in ("available", "required", "shortfall", "reason") if name in problem}
        facts |= {
            name: value for name, value in problem.get("details", {}).items() if str(value)[:4] not in ("wal_", "txn_")
        }
        shown = ", ".join(f"{name} {value}" for name, value in facts.items())
        self._lines += [f"Refused: {problem['status']} `{problem['code']}`" + (f" ({shown})" if shown else ""), ""]
