"""``credit-ledger rates``: show, export, import, and what is said of a file that is wrong."""

import json
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from ledger.cli import main
from tests.cli.running import Run, answer
from tests.support.api import fresh, run_sql

METER = """
- service: {service}
  meter: minutes
  unit: minute
  dimensions: {{size: [small, large]}}
  prices:
  - {{valid_from: 2026-01-01T00:00:00Z, per_unit: "1"}}
  - {{dimensions: {{size: large}}, valid_from: 2026-01-01T00:00:00Z, asset: CREDIT, package: {{amount: 3, size: 60}}}}
"""


@pytest.fixture
def run(run: Run) -> Run:
    """``credit-ledger rates``."""
    return partial(run, "rates")


def exported(run: Run) -> str:
    result = run("export")
    assert result.exit_code == 0, result.output
    return result.stdout


def test_export_and_import_are_each_other_s_opposite(run: Run, tmp_path: Path) -> None:
    """What is exported changes nothing when it is imported, to a file as to standard output."""
    version = answer(run("show", "--json"))["version"]
    assert 0 == run("export", "card.yaml").exit_code
    assert exported(run) == (tmp_path / "card.yaml").read_text()
    expected = {"version": version, "checked_only": False, "changes": []}
    assert expected == answer(run("import", "card.yaml", "--json"))
    assert f"The card is at version {version}; nothing is new in it.\n" == run("import", "card.yaml").stdout


def test_import_says_what_is_new(run: Run, database_url: str) -> None:
    """With --check without doing it; a meter that changes and a price that ends are told apart."""
    name = fresh("job")
    card = exported(run) + METER.format(service=name)
    before = answer(run("show", "--json"))
    checked = run("import", "-", "--check", input=card)
    lines = [
        f"new meter  {name}/minutes",
        f'new price  {name}/minutes {{"size":"large"}} version 1',
        f"new price  {name}/minutes {{}} version 1",
    ]
    assert [*lines, f"The card would be at version {before['version'] + 1}."] == checked.stdout.splitlines()
    assert before == answer(run("show", "--json"))
    done = answer(run("import", "-", "--json", input=card))
    assert {"version": before["version"] + 1, "checked_only": False, "changes": lines} == done
    assert [("cli",)] == run_sql(database_url, "SELECT actor FROM meters WHERE service = %s", name)

    ended = card.replace('per_unit: "1"', 'per_unit: "1", valid_to: 2100-01-01T00:00:00Z')
    ended = ended.replace("size: [small, large]", "size: [small, large, huge]")
    assert answer(run("import", "-", "--json", input=ended))["changes"] == [
        f"changed meter  {name}/minutes",
        f"ended price  {name}/minutes {{}} version 1",
    ]
    shown = run("show").stdout
    assert f"\n{name}/minutes  (minute)\n" in shown
    assert "storage/gb_months  (GB-month, 1 free each month)" in shown
    row = next(line.split() for line in shown.partition(name)[2].splitlines() if line.startswith("  {} "))
    assert "{} 1 1 USD from 2026-01-01T00:00:00.000000Z to 2100-01-01T00:00:00.000000Z".split() == row
    assert "3 CREDIT for 60" in shown


BAD: dict[str, tuple[str, str, str]] = {
    "a float": ('per_unit: "1"', "per_unit: 0.5", "Error: meters[{n}].prices[0].per_unit: 0.5 must be quoted"),
    "a field that is none": ('per_unit: "1"', 'per_unit: "1", tax: "2"', "Error: meters[{n}].prices[0].tax: is not a"),
    "no YAML": ("{{", "[", "Error: not YAML that can be read"),
    "a value that is none": (
        "{{size: large}}",
        "{{size: huge}}",
        'Error: meters[{n}].prices[1]: {service}/minutes {{"size":"huge"}} version 1: the dimension \'size\' of',
    ),
    "a currency without a rate": ("asset: CREDIT", "asset: EUR", "Error: meters[{n}].prices[1]: {service}/minutes"),
    "a version left out": (
        "valid_from",
        "version: 2, valid_from",
        "Error: meters[{n}].prices[0]: {service}/minutes {{}}",
    ),
    "a meter that is there twice": (
        "service: {service}\n  meter: minutes",
        "service: storage\n  meter: gb_months",
        "Error: meters[{n}]: storage/gb_months is there twice",
    ),
    "a free tier of nothing": ("unit: minute", "free_monthly: 5", "Error: meters[{n}]: {service}/minutes: a free tier"),
}
"""What is replaced in a good meter, by what, and what is said of it."""


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_file_is_refused_with_the_place(run: Run, bad: str) -> None:
    """By one line on standard error, and nothing of the file is taken."""
    good, by, said = BAD[bad]
    assert good in METER
    service, before = fresh("job"), answer(run("show", "--json"))
    done = run("import", "-", input=exported(run) + METER.replace(good, by, 1).format(service=service))
    assert 1 == done.exit_code, done.output
    assert said.format(service=service, n=len(before["meters"])) in done.stderr
    assert before == answer(run("show", "--json"))


@pytest.mark.parametrize(("rates", "state"), [('{"USD":"10"}', "ok"), ('{"EUR":"11"}', "fail")])
def test_doctor_finds_a_currency_without_a_rate(database_url: str, rates: str, state: str) -> None:
    """Before the first event does that is to be priced."""
    given = {"LEDGER_DATABASE_URL": database_url, "LEDGER_CREDITS_PER_UNIT": rates}
    done = CliRunner().invoke(main, ["doctor", "--json"], env=given)
    (found,) = [one for one in json.loads(done.stdout)["checks"] if one["what"] == "rate card"]
    assert state == found["state"]
    assert ("prices in USD, without a rate" in found["seen"]) == (state == "fail")


def test_what_is_in_the_card_must_be_in_the_file(run: Run) -> None:
    """A file of one's own meters alone would take the others out: it is refused."""
    done = run("import", "-", input="meters:" + METER.format(service="alone"))
    assert (1, "cannot leave the card" in done.stderr) == (done.exit_code, True)


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "said"),
    [
        (
            ["show"],
            {"LEDGER_CREDITS_PER_UNIT": '{"EUR":"11"}'},
            1,
            "no rate of credits per USD. Look at LEDGER_CREDITS",
        ),
        (["show"], {"LEDGER_CREDITS_PER_UNIT": "10"}, 1, "LEDGER_CREDITS_PER_UNIT is '10', but must be a JSON object"),
        (["import", "nowhere.yaml"], {}, 2, "No such file or directory"),
        (["import", "binary"], {}, 1, "binary is not UTF-8: invalid start byte at byte 2"),
        (
            ["show"],
            {"LEDGER_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"},
            1,
            "the database cannot be used",
        ),
    ],
)
def test_what_can_be_put_right_is_said(
    run: Run, tmp_path: Path, arguments: list[str], environ: dict[str, str], code: int, said: str
) -> None:
    (tmp_path / "binary").write_bytes(b"me\xff")
    done = run(*arguments, **environ)
    assert code == done.exit_code, done.output
    assert said in done.output
