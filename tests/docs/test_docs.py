"""The pages and the code name the same things: nothing is left out, and nothing is told that is not there."""

import json
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import get_args
from urllib.parse import unquote

import click
import msgspec
import pytest

from ledger.book.chart import CHART
from ledger.cli import main
from ledger.errors import BY_CODE, LedgerError
from ledger.handlers import HANDLERS
from ledger.kit.egress.addresses import REFUSED_V4, REFUSED_V6
from ledger.kit.egress.answer import Outcome
from ledger.kit.failpoints import ACTIONS, POINTS
from ledger.notifications.rules import DEFAULT_EVENTS, URGENT
from ledger.refill.rules.decide import Reason
from ledger.sandbox.config import Config
from ledger.sandbox.control.routes import STEPS
from ledger.sandbox.faults import KINDS
from ledger.sandbox.pages import PLACES
from ledger.sandbox.rules.cards import ACCOUNTS, CARDS
from ledger.sandbox.rules.outcomes import OUTCOMES
from ledger.settings import BOUNDS, LOG_FORMATS, LOG_LEVELS, Settings, variable
from tests.docs.pages import (
    DOCS,
    ROOT,
    anchors,
    blocks,
    example,
    headings,
    links,
    named,
    pages,
    prose,
    section,
    steps,
)

ERRORS = DOCS / "errors"


def rows(page: Path) -> list[list[str]]:
    """The cells of all tables of a page, heads and rules left out."""
    lines = [line for line in prose(page).splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] and not set(row[0]) <= set("-: ")]


def names(page: Path) -> list[str]:
    """What the first cells of a page's tables have in backticks."""
    return [name for row in rows(page) for name in re.findall(r"`([^`]+)`", row[0])]


def test_every_error_has_a_page_and_every_page_an_error() -> None:
    """docs/errors has one page for each code, and its index lists them all."""
    assert {page.stem for page in ERRORS.glob("*.md")} - {"index"} == set(BY_CODE)
    listed = {row[1].partition("`")[2].partition("`")[0]: row for row in rows(ERRORS / "index.md")[1:]}
    assert set(listed) == set(BY_CODE)
    for code, row in listed.items():
        assert row[0] == str(BY_CODE[code].status), code
        assert row[2] == BY_CODE[code].title, code


@pytest.mark.parametrize("error", BY_CODE.values(), ids=lambda error: error.code)
def test_the_page_of_an_error_says_what_its_class_says(error: type[LedgerError]) -> None:
    """Status, title, class, what is remembered, and an example that could be an answer."""
    page = ERRORS / f"{error.code}.md"
    text = page.read_text()
    assert headings(page, 1) == [f"`{error.code}`"]
    assert headings(page, 2) == ["When", "Example", "What to do"]
    assert f"| status | {error.status} |" in text
    assert f"`ledger.errors.{error.__name__}`" in text
    if error.retry_after_s is not None:
        assert f"`Retry-After: {error.retry_after_s}`" in text
    afterwards = next(row[1] for row in rows(page) if row[0] == "afterwards")
    posts = error.code != "LIMIT_BELOW_OWED"  # by a command that takes no key
    assert afterwards.startswith("repeated under its key") == (error.remembered and posts)
    (shown,) = blocks(page, "json")
    problem = example(shown)
    expected = {
        "type": f"/docs/errors/{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
    }
    assert {name: problem[name] for name in expected} == expected
    assert problem["detail"]


def test_the_members_that_an_error_names_are_in_its_example() -> None:
    """What a class's docstring says of ``details`` is shown on its page."""
    for error in BY_CODE.values():
        problem = example(blocks(ERRORS / f"{error.code}.md", "json")[0])
        for member in re.findall(r"``details\.(\w+)``", error.__doc__ or ""):
            assert member in problem["details"], f"{error.code}: {member}"


def test_every_setting_is_documented() -> None:
    """Variable, bounds and default of each, and no other."""
    page = DOCS / "settings.md"
    table = {row[0].strip("`"): row for row in rows(page) if row[0].startswith("`")}
    assert set(table) == {variable(field.name) for field in fields(Settings)}
    for field in fields(Settings):
        _, form, bounds, default, _ = table[variable(field.name)]
        allowed = "{} to {}".format(*BOUNDS[field.name]) if field.name in BOUNDS else "–"
        assert bounds == allowed, field.name
        assert field.default is not MISSING
        told = str(field.default).lower() if isinstance(field.default, bool) else field.default
        shown = "not set" if field.default is None else f"`{told}`"
        assert default == shown, field.name
        for word in {"log_level": LOG_LEVELS, "log_format": LOG_FORMATS}.get(field.name, ()):
            assert f"`{word}`" in form


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """A command and those below it, with their names as they are typed."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield f"{path} {name}", below
            yield from commands(below, f"{path} {name}")


def test_every_command_is_documented() -> None:
    """Each command has a section that names its options, and no section is without a command."""
    page = DOCS / "cli.md"
    found = dict(commands(main, "credit-ledger"))
    assert {title.strip("`") for level in (2, 3) for title in headings(page, level)} == set(found)
    for path, command in found.items():
        text = section(page, f"`{path}`")
        for option in command.params:
            if isinstance(option, click.Option):
                assert f"`{option.opts[-1]}`" in text, f"{path} {option.opts[-1]}"


def test_no_command_takes_an_option_that_is_only_told() -> None:
    """An option that stands in a command's section is one of the command's."""
    page = DOCS / "cli.md"
    for path, command in commands(main, "credit-ledger"):
        if isinstance(command, click.Group):
            continue
        told = set(re.findall(r"`(--[a-z-]+)`", section(page, f"`{path}`")))
        assert told <= {option for parameter in command.params for option in parameter.opts}, path


def test_every_task_is_documented() -> None:
    """Each task of the workers stands in docs/operations.md, and no other."""
    source = "".join(path.read_text() for path in (ROOT / "workers").glob("*.py"))
    tasks = set(re.findall(r'@task\("([^"]+)"', source))
    assert source.count("@task(") == len(tasks)
    told = re.findall(r"^\| `([^`]+)` \|", section(DOCS / "operations.md", "Background work"), re.MULTILINE)
    assert set(told) == tasks


def test_every_route_is_documented() -> None:
    """docs/api.md lists each operation with the scope it needs, and no other."""
    told = {row[0].strip("`"): row[1] for row in rows(DOCS / "api.md") if re.match(r"`[A-Z]+ /", row[0])}
    served = {
        f"{method} {path.replace(':str}', '}')}": handler.opt.get("scope", "–")
        for handler in HANDLERS
        if not handler.opt.get("hidden")
        for path in handler.paths
        for method in handler.http_methods
    }
    assert told == served


def test_every_failpoint_is_documented() -> None:
    """Each place and each action stands in docs/reliability.md, and no other."""
    text = section(DOCS / "reliability.md", "Failpoints")
    cells = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    told = {name.partition("=")[0] for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    assert told == {*POINTS, *ACTIONS}


def test_every_account_is_documented() -> None:
    """The chart of accounts stands in docs/concepts/double-entry.md."""
    text = prose(DOCS / "concepts" / "double-entry.md")
    for account in CHART:
        name = f"`{account.name}:<" if account.qualified else f"`{account.name}`"
        assert name in text, account.name


def test_every_kind_of_fault_is_documented() -> None:
    """What verify can say stands in docs/concepts/verify.md, and nothing else."""
    files = [*(ROOT / "ledger" / "book" / "verify").glob("*.py"), *(ROOT / "ledger").glob("*/verify.py")]
    source = "".join(path.read_text() for path in files)
    calls = re.findall(r'\bsay\(\s*(?:\w+(?:\.\w+|\[\d\])?,\s*)?"(\w+)"', source)
    pairs = re.findall(r'\("\w+_hash", "(\w+)"\)', source)
    page = DOCS / "concepts" / "verify.md"
    assert set(names(page)) == {*calls, *pairs}


def test_the_sandbox_is_documented() -> None:
    """Its test cards and accounts, what can become of payments, its faults and settings, and each step of its control plane."""
    page = DOCS / "concepts" / "sandbox.md"
    told = {tuple(cell.replace("`", "") for cell in row) for row in rows(page)}
    for one, prefix in [(card, "pm_card") for card in CARDS] + [(one, "pm_usBankAccount") for one in ACCOUNTS]:
        assert (one.number, f"{prefix}_{one.names[0]}", one.does) in told
    assert {(kind, does.replace("`", "")) for kind, does in KINDS.items()} <= told
    assert {(name, one.does) for name, one in OUTCOMES.items()} <= told
    settings = {(name, json.dumps(value)) for name, value in msgspec.to_builtins(Config()).items()}
    assert settings == {row for row in told if row[0] in Config.__struct_fields__}
    places = [place for place in PLACES if place.path.startswith("/_sim")]
    assert {f"{step.method} {step.path}" for step in (*STEPS, *places)} == {
        row[0] for row in told if " /_sim" in row[0]
    }


def test_the_way_out_is_documented() -> None:
    """How calls end, why they are refused, and every block of addresses that is not called."""
    page, folder = DOCS / "concepts" / "egress.md", ROOT / "ledger" / "kit" / "egress"
    firsts = r"^\| `(\w+)` \|"
    assert set(get_args(Outcome)) == set(re.findall(firsts, section(page, "How calls end"), re.MULTILINE))
    source = "".join(path.read_text() for path in folder.glob("*.py"))
    reasons = set(re.findall(r'(?:UrlRefused|HostError)\((?:f?"[^"]*", )?"(\w+)"[,)]', source)) | {"dns"}
    assert reasons == set(re.findall(firsts, section(page, "Reasons"), re.MULTILINE))
    told = {(block, row[1].strip("`")) for row in rows(page) for block in re.findall(r"`([^`]+/\d+)`", row[0])}
    assert {*REFUSED_V4.items(), *REFUSED_V6.items()} == {one for one in told if " " not in one[1]}


def test_what_is_told_unless_said_otherwise_is_documented() -> None:
    """Each event that a channel has by itself, and whether it is urgent."""
    told = {row[0].strip("`"): row[1] for row in rows(DOCS / "concepts" / "notifications.md") if "." in row[0]}
    assert told == {kind: "urgent" if kind in URGENT else "" for kind in DEFAULT_EVENTS}


def test_every_reason_of_a_refill_is_documented() -> None:
    """What can stand in the way stands in docs/concepts/auto-refill.md, and each of these is said somewhere."""
    text = section(DOCS / "concepts" / "auto-refill.md", "Reasons")
    cells = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    told = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    files = (ROOT / "ledger" / "refill").rglob("*.py")
    said = {code for file in files for code in re.findall(r'"([a-z]+(?:_[a-z]+)*)"', file.read_text())}
    assert told <= said
    charge = "".join(file.read_text() for file in (ROOT / "ledger" / "refill" / "charge").glob("*.py"))
    ended = re.findall(r'(?:"cancel", |"canceled", |attempt\), |"expired", )"(\w+)"', charge)
    assert len(ended) > 5
    assert {*get_args(Reason), *ended} - {"wait"} <= told


def test_words_stand_in_their_order() -> None:
    """The glossary is sorted, and says each word once."""
    words = [row[0].strip("*") for row in rows(DOCS / "glossary.md")[1:]]
    assert words == sorted(set(words))


@pytest.mark.parametrize("page", pages(), ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link resolves, to a heading too where it names one."""
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = unquote(link).partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_is_in_the_index() -> None:
    """docs/index.md, or a page that it names, leads to every page."""
    seen, todo = set[Path](), [DOCS / "index.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md" or not page.is_relative_to(DOCS):
            continue
        seen.add(page)
        todo += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if "://" not in link]
    assert {named(page) for page in DOCS.rglob("*.md")} == {named(page) for page in seen}


@pytest.mark.parametrize("page", pages(), ids=named)
def test_json_that_is_shown_is_json(page: Path) -> None:
    """But for what ``…`` leaves out."""
    run = {step.answer for step in steps(page)}
    for block in blocks(page, "json"):
        if block not in run:
            example(block)
