"""All mutants, from the rules outwards."""

from tests.mutants import door, faces, rules, schema, verify

MUTANTS = (*rules.MUTANTS, *door.MUTANTS, *schema.MUTANTS, *verify.MUTANTS, *faces.MUTANTS)
