"""``credit-ledger anchor`` and ``verify --anchors``, as an operator and an auditor use them."""

import json
from pathlib import Path

import psycopg
import pytest

from ledger.book.anchor.keys import SigningKey, public_text
from tests.cli.running import Run, answer
from tests.support.book import session


def test_keygen_makes_a_key_once(run: Run, tmp_path: Path) -> None:
    """For its owner's eyes only; a second call does not write over it."""
    made = answer(run("anchor", "keygen", "anchor.key", "--json"))
    file = tmp_path / "anchor.key"
    assert made == {"file": str(file), "public_key": made["public_key"]}
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text().strip()
    assert public_text(SigningKey(bytes.fromhex(text.removeprefix("ask_"))).public) == made["public_key"]
    again = run("anchor", "keygen", "anchor.key")
    assert (again.exit_code, file.read_text().strip()) == (1, text)
    assert "exists already" in again.output
    assert [path.name for path in tmp_path.iterdir()] == ["anchor.key"]
    shown = answer(run("anchor", "keygen", "--json"))
    assert shown["private_key"] != text


def test_from_a_key_to_a_verified_copy(run: Run, tmp_path: Path, database_url: str) -> None:
    """keygen, now, list, show, export; then verify with nothing but the public key and the file."""
    public = answer(run("anchor", "keygen", "anchor.key", "--json"))["public_key"]
    key = {"LEDGER_ANCHOR_KEY": str(tmp_path / "anchor.key")}
    first = answer(run("anchor", "now", "--json", **key))
    second = answer(run("anchor", "now", "--json", **key))
    assert second["previous_hash"] == first["hash"]
    assert "apk_" + second["public_key"] == public
    assert answer(run("anchor", "list", "--limit", "1", "--json")) == [second]
    assert answer(run("anchor", "show", str(first["anchor"]), "--json")) == first
    assert second["hash"] in run("anchor", "list").output
    assert f"hash           {second['hash']}" in run("anchor", "show", str(second["anchor"])).output
    exported = run("anchor", "export", "--after", str(first["anchor"] - 1)).output
    assert [json.loads(line) for line in exported.splitlines()] == [first, second]
    assert run("anchor", "export", "--after", str(second["anchor"])).output == ""
    kept = tmp_path / "anchors.jsonl"
    kept.write_text(exported)

    clean = answer(run("verify", "--public-key", public, "--anchors", str(kept), "--json"))
    assert clean["ok"] and clean["checked"]["anchors"] >= 2
    foreign = run("verify", "--json", LEDGER_ANCHOR_PUBLIC_KEYS=public_text(SigningKey.new().public))
    assert foreign.exit_code == 1
    fault = json.loads(foreign.stdout)["faults"][0]
    assert (fault["kind"], fault["wallet_id"], fault["place"]) == ("anchor_key", None, "anchor 1")
    kept.write_text(json.dumps(second | {"root": first["hash"]}))
    changed = run("verify", "--anchors", str(kept), **key)
    assert changed.exit_code == 1
    assert f"anchor_hash: copy of anchor {second['anchor']}: expected " in changed.output


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "said"),
    [
        (["anchor", "now"], {}, 1, "LEDGER_ANCHOR_KEY is not set"),
        (["anchor", "now"], {"LEDGER_ANCHOR_KEY": "/nowhere/a.key"}, 1, "/nowhere/a.key cannot be read"),
        (["anchor", "now"], {"LEDGER_ANCHOR_KEY": "/dev/null"}, 1, "names no key"),
        (["anchor", "now"], {"LEDGER_ANCHOR_KEY": "apk_" + "0" * 64}, 1, "must be ask_ and 64 hex digits"),
        (["anchor", "show", "999999"], {}, 1, "there is no anchor 999999"),
        (["anchor", "show", "0"], {}, 2, "0 is not in the range"),
        (["verify", "--public-key", "ask_" + "0" * 64], {}, 2, "is not a public key"),
        (["verify", "--anchors", "/dev/null", "--wallet", "wal_00000000zzz"], {}, 2, "give one of them"),
        (["verify"], {"LEDGER_ANCHOR_PUBLIC_KEYS": "apk_1"}, 1, "LEDGER_ANCHOR_PUBLIC_KEYS is 'apk_…'"),
    ],
)
def test_what_can_be_put_right_is_said(
    run: Run, arguments: list[str], environ: dict[str, str], code: int, said: str
) -> None:
    done = run(*arguments, **environ)
    assert done.exit_code == code, done.output
    assert said in done.output


def test_a_line_that_is_no_anchor_is_named(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "anchors.jsonl"
    file.write_text("\nnot json\n")
    done = run("verify", "--anchors", str(file))
    assert done.exit_code == 2
    assert "line 2 is no anchor" in done.output


def test_doctor_says_whether_books_are_sealed(run: Run, database_url: str) -> None:
    """No key is a warning; one that cannot be read fails; a book that waits too long is told of."""
    checks = {one["what"]: one for one in json.loads(run("doctor", "--json").stdout)["checks"]}
    assert checks["anchor key"]["state"] == "warn"
    assert checks["sealed"]["state"] == "ok"
    with session(database_url) as connection:
        connection.execute("INSERT INTO unsealed VALUES (7, ledger_now() - interval '5 hours')")
    key = SigningKey.new()
    checks = {
        one["what"]: one for one in json.loads(run("doctor", "--json", LEDGER_ANCHOR_KEY=key.text).stdout)["checks"]
    }
    assert checks["anchor key"]["seen"] == f"its public key is {public_text(key.public)}"
    assert checks["sealed"]["state"] == "warn"
    assert "1 books moved since, the first 5 hours ago" in checks["sealed"]["seen"]
    assert key.text not in json.dumps(checks)
    checks = {
        one["what"]: one for one in json.loads(run("doctor", "--json", LEDGER_ANCHOR_KEY="/nowhere").stdout)["checks"]
    }
    assert checks["anchor key"]["state"] == "fail"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM unsealed WHERE wallet_id = 7")
