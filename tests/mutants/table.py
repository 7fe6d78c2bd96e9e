"""All mutants, from the rules outwards."""

from tests.mutants import (
    budgets,
    door,
    faces,
    payments_book,
    payments_in,
    payments_money,
    payments_out,
    pricing,
    rates,
    refill,
    rollups,
    rules,
    schema,
    verify,
)

MUTANTS = (
    *rules.MUTANTS,
    *rates.MUTANTS,
    *pricing.MUTANTS,
    *budgets.MUTANTS,
    *rollups.MUTANTS,
    *door.MUTANTS,
    *schema.MUTANTS,
    *verify.MUTANTS,
    *faces.MUTANTS,
    *payments_book.MUTANTS,
    *payments_in.MUTANTS,
    *payments_out.MUTANTS,
    *refill.MUTANTS,
    *payments_money.MUTANTS,
)
