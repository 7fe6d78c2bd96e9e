"""A quote: what would come of an event now."""

from msgspec import convert

from ledger.book.commands import Outcome, Posted, Refused
from ledger.errors import NotFound
from ledger.kit.http.problems import Problem, problem
from ledger.rates.part import Priced
from ledger.transactions.shapes import balance_after
from ledger.usage.shapes import Quote, charge


def quoted(outcome: Outcome) -> Quote:
    """The answer to a quote. A refusal of the charge is part of it; what is wrong with the event was raised before.
    Raises NotFound where there is no such wallet."""
    if isinstance(outcome, Refused):
        if isinstance(outcome.error, NotFound):
            raise outcome.error
        told = convert(problem(outcome.error), Problem)
        return Quote(would_post=False, charge=None, balance=None, problem=told)
    assert isinstance(outcome, Posted)
    line = outcome.detail.line if isinstance(outcome.detail, Priced) else None
    return Quote(would_post=True, charge=charge(outcome, line), balance=balance_after(outcome), problem=None)
