"""All mutants, from the rules outwards."""

from tests.mutants import budgets, door, faces, rates, rules, schema, verify

MUTANTS = (
    *rules.MUTANTS,
    *rates.MUTANTS,
    *budgets.MUTANTS,
    *door.MUTANTS,
    *schema.MUTANTS,
    *verify.MUTANTS,
    *faces.MUTANTS,
)
