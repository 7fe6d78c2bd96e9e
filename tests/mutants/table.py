"""All mutants, from the rules outwards."""

from tests.mutants import budgets, door, faces, pricing, rates, rollups, rules, schema, verify

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
)
