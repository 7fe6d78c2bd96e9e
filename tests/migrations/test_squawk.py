"""No migration locks a table in use for long, as far as its SQL shows: squawk looks at every one."""

from __future__ import annotations

import re

import pytest

from tests.migrations.sql import REVISIONS, ROOT, sql_of, squawk, steps

SAMPLES = {
    "require-concurrent-index-creation": "CREATE INDEX wallets_tier_idx ON wallets (status)",
    "adding-required-field": "ALTER TABLE wallets ADD COLUMN tier TEXT NOT NULL",
    "renaming-column": "ALTER TABLE wallets RENAME COLUMN owed TO debt",
    "constraint-missing-not-valid": "ALTER TABLE wallets ADD CONSTRAINT few CHECK (held < 5)",
    "changing-column-type": "ALTER TABLE wallets ALTER COLUMN number TYPE NUMERIC",
    "ban-drop-column": "ALTER TABLE wallets DROP COLUMN due_at",
    "adding-foreign-key-constraint": "ALTER TABLE lots ADD CONSTRAINT of_wallet FOREIGN KEY (wallet_id) REFERENCES wallets",
    "syntax-error": "ALTER TABLE wallets ADD COLUMN",
}
"""Rules, and migrations that break them."""


@pytest.mark.parametrize("step", steps(), ids="-".join)
def test_a_migration_of_ours_breaks_no_rule(step: tuple[str, str]) -> None:
    sql = sql_of(step)
    assert f"version_num='{step[1]}'" in sql or f"VALUES ('{step[1]}')" in sql
    assert [] == squawk(sql)


@pytest.mark.parametrize("step", steps([REVISIONS])[len(steps()) :], ids="-".join)
def test_the_way_in_which_tables_in_use_are_changed_breaks_no_rule(step: tuple[str, str]) -> None:
    """Expand, index, backfill, check, contract: the revisions that test_under_load runs."""
    assert [] == squawk(sql_of(step, [REVISIONS]))


@pytest.mark.parametrize("rule", SAMPLES)
def test_a_bad_migration_is_found(rule: str) -> None:
    """As the SQL of a revision: behind the newest one, with its limits, in its transaction."""
    good = sql_of(steps()[-1])
    head, mark, _ = good.partition("BEGIN;")
    found = squawk(f"{head}{mark}\n{SAMPLES[rule]};\nCOMMIT;\n")
    assert rule in {one.partition(" ")[0] for one in found}


def test_limits_of_time_stand_before_every_migration() -> None:
    """So a statement that waits for a lock gives up, and no one waits long behind it."""
    for step in steps():
        assert re.match(r"SET lock_timeout = '500ms'; SET statement_timeout = '60s';", sql_of(step)), step


def test_a_rule_that_is_left_out_has_its_reason() -> None:
    """In .squawk.toml each excluded rule, or the run of them it stands in, is behind a comment."""
    text = (ROOT / ".squawk.toml").read_text().partition("excluded_rules = [")[2]
    block = [line.strip() for line in text.splitlines() if line.strip() not in ("", "]")]
    assert block[0].startswith("#")
    assert any(line.startswith('"') for line in block)
