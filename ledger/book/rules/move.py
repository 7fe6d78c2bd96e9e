"""A written transaction with the balances before it: what parts of a unit decide by."""

import msgspec

from ledger.book.commands import Balances, Transaction


class Move(msgspec.Struct, frozen=True):
    """``notes_body`` is the transaction's notes as they are stored."""

    transaction: Transaction
    before: Balances
    notes_body: str
