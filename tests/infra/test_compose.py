"""The compose file is what the compose specification allows, and what we rely on."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from ledger.cli import COMMANDS
from ledger.settings import Settings

ROOT = Path(__file__).parents[2]
OURS = ("migrate", "api", "worker", "beat")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return read


def test_it_fits_the_schema_of_the_specification(compose: dict[str, Any]) -> None:
    """The schema is the one that check-jsonschema ships."""
    shipped = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(shipped.read_text())

    assert [error.message for error in Draft7Validator(schema).iter_errors(compose)] == []


def test_it_starts_everything_in_order(compose: dict[str, Any]) -> None:
    """The schema is brought up to date after the database is there, and before anybody uses it."""
    services = compose["services"]

    assert set(services) == {*OURS, "postgres", "redis"}
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("api", "worker", "beat"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert "healthcheck" in services[name]
    for name in ("postgres", "redis"):
        assert "healthcheck" in services[name]


def test_its_commands_and_settings_exist(compose: dict[str, Any]) -> None:
    """What the services run is a command of ours, and what they are told are settings of ours."""
    for name in OURS:
        service = compose["services"][name]
        assert service["command"][0] in COMMANDS
        plain = {key: _default(value) for key, value in service["environment"].items()}
        assert Settings.from_environ(plain).database_url is not None


def test_what_must_not_be_lost_is_kept(compose: dict[str, Any]) -> None:
    """PostgreSQL is durable, on a volume, and the broker throws nothing away to make room."""
    postgres, broker = compose["services"]["postgres"], compose["services"]["redis"]

    for setting in ("fsync=on", "synchronous_commit=on", "full_page_writes=on"):
        assert setting in postgres["command"]
    assert postgres["volumes"] == ["postgres:/var/lib/postgresql"]
    assert broker["command"][1:5] == ["--maxmemory-policy", "noeviction", "--appendonly", "yes"]


def test_the_image_copies_what_exists_and_is_not_root() -> None:
    """Docker is not at hand where the tests run, so at least its file is read."""
    text = (ROOT / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert [path for path in copied if f"!{path}" not in ignored] == []
    assert re.search(r"^USER (?!root|0)", text, re.MULTILINE)
    assert "--require-hashes" in text


def test_the_locks_name_no_registry() -> None:
    """Where packages come from is a matter of who installs them."""
    for lock in (ROOT / "requirements").glob("*.txt"):
        assert re.findall(r"://|--(?:extra-)?index-url|--find-links", lock.read_text()) == []
        assert "--hash=sha256:" in lock.read_text()


def _default(value: object) -> str:
    """The text with each ${NAME:-default} replaced by its default."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))
