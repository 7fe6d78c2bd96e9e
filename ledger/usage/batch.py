"""A batch of usage: each item is read by itself, all are posted together, each has its own outcome."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec import structs

from ledger.book.commands import Attempt, Outcome, Posted, Refused, Use
from ledger.context import LedgerRequest
from ledger.errors import (
    AlreadyPosted,
    BatchRefused,
    IdempotencyKeyInvalid,
    LedgerError,
    UnknownDimension,
    UnknownMeter,
)
from ledger.kit import ids
from ledger.kit.http.problems import Problem, problem
from ledger.kit.http.strict import decode, invalid
from ledger.usage.events import BACKFILL, use_of
from ledger.usage.shapes import BatchItem, Result
from ledger.wallets.directory import USER

_item = msgspec.json.Decoder(BatchItem)


class Read(NamedTuple):
    """An item as far as it could be read: ``use`` names no wallet yet where the item names an owner."""

    item: BatchItem | None
    use: Use | None
    error: LedgerError | None


async def charge_all(request: LedgerRequest, raw: Sequence[msgspec.Raw], atomic: bool) -> list[Result]:
    """Outcomes in the order of the items. Raises BatchRefused where an atomic batch has a bad one."""
    items = [_read(request, text, index) for index, text in enumerate(raw)]
    if any(isinstance(item.error, UnknownMeter | UnknownDimension) for item in items):
        # Perhaps the card has them by now; it is read once, whatever the batch.
        await request.services.cards.latest()
        items = [_read(request, text, index) for index, text in enumerate(raw)]
    attempts = await _attempts(request, items)
    if atomic and any(isinstance(attempt, LedgerError) for attempt in attempts):
        undone = BatchRefused("another item of the batch was refused, so nothing of it was posted")
        raise refused_whole([a if isinstance(a, LedgerError) else undone for a in attempts])
    good = [attempt for attempt in attempts if isinstance(attempt, Attempt)]
    outcomes = iter(await request.services.door.submit(good, atomic=atomic))
    results = [
        _result(index, Refused(attempt) if isinstance(attempt, LedgerError) else next(outcomes))
        for index, attempt in enumerate(attempts)
    ]
    if atomic and any(result.status == "refused" for result in results):
        raise _whole(results)
    return results


def _read(request: LedgerRequest, text: msgspec.Raw, index: int) -> Read:
    at = f"items[{index}]"
    card, backfill = request.services.cards.current.card, BACKFILL in request.principal.scopes
    try:
        item = decode(text, _item, at)
        if (item.wallet_id is None) == (item.user_id is None):
            raise invalid(f"{at}.wallet_id", "give either wallet_id or user_id")
        use = use_of(item, 0, card, at, backfill=backfill)
        if _owner_of(item) is None:
            use = structs.replace(use, wallet_id=ids.parse_wallet(item.wallet_id or ""))
    except LedgerError as error:
        return Read(None, None, error)
    return Read(item, use, None)


async def _attempts(request: LedgerRequest, items: Sequence[Read]) -> list[Attempt | LedgerError]:
    """An attempt of each good item, the error of each bad one. The second of two items with one key in one
    book is a bad one."""
    owners = {owner for read in items if read.item and (owner := _owner_of(read.item)) is not None}
    primaries = await request.services.directory.primaries(owners) if owners else {}
    seen: set[tuple[int, str]] = set()
    attempts: list[Attempt | LedgerError] = []
    for index, (item, use, error) in enumerate(items):
        if item is None or use is None:
            assert error is not None
            attempts.append(error)
            continue
        owner = _owner_of(item)
        if owner is not None:
            use = structs.replace(use, wallet_id=primaries[owner])
        if (use.wallet_id, item.key) in seen:
            attempts.append(IdempotencyKeyInvalid(f"items[{index}].key: an earlier item of this batch has it"))
            continue
        seen.add((use.wallet_id, item.key))
        attempts.append(request.attempt(use, item.key))
    return attempts


def _owner_of(item: BatchItem) -> str | None:
    if item.user_id is not None:
        return item.user_id
    name = item.wallet_id or ""
    return name[len(USER) :] if name.startswith(USER) and len(name) > len(USER) else None


def _result(index: int, outcome: Outcome) -> Result:
    if isinstance(outcome, Posted):
        t = outcome.transaction
        status = "replayed" if outcome.replayed else "posted"
        return Result(index=index, status=status, transaction_id=ids.row_public("txn", t.wallet_id, t.number))  # type: ignore[arg-type]
    assert isinstance(outcome, Refused)
    error = outcome.error
    if isinstance(error, AlreadyPosted):
        return Result(index=index, status="replayed", transaction_id=str(error.facts["transaction_id"]))
    return Result(index=index, status="refused", problem=msgspec.convert(problem(error), Problem))


def refused_whole(errors: Sequence[LedgerError]) -> BatchRefused:
    """The refusal of an atomic batch, with every item's."""
    return _whole([_result(index, Refused(error)) for index, error in enumerate(errors)])


def _whole(results: Sequence[Result]) -> BatchRefused:
    return BatchRefused(
        "an item was refused, so nothing of the batch was posted; its keys are free",
        results=msgspec.to_builtins(results),
    )
