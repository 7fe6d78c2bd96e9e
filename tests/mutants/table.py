"""All mutants, from the rules outwards."""

from tests.mutants import door, faces, rates, rules, schema, verify

MUTANTS = (*rules.MUTANTS, *rates.MUTANTS, *door.MUTANTS, *schema.MUTANTS, *verify.MUTANTS, *faces.MUTANTS)
