"""``credit-ledger secrets``: a key is made, and replaced by another."""

import asyncio
import json
from pathlib import Path

import pytest

from ledger.kit.db import Database
from ledger.kit.secret_keys import keys_of, new_key
from ledger.notifications.store import sealed_url, url_of
from ledger.webhooks.endpoints import store
from ledger.webhooks.signing import secret_text
from tests.cli.running import Run, answer
from tests.support.api import run_sql


def endpoints(url: str, keys: str, numbers: range) -> dict[int, list[bytes]]:
    """Endpoints with these numbers, each with a secret that these keys encrypt; what signs for each."""

    async def work() -> dict[int, list[bytes]]:
        database = Database(url, pool_size=1)
        async with database.transaction() as connection:
            for number in numbers:
                await store.add(connection, {"endpoint": number, "url": "https://example.com", "events": ["*"]})
                secret = secret_text(bytes([number % 256]) * 32)
                await store.replace_secret(connection, keys_of(keys), number, secret, 0)
        found = await signing(database, keys, numbers)
        await database.dispose()
        return found

    return asyncio.run(work())


async def signing(database: Database, keys: str, numbers: range) -> dict[int, list[bytes]]:
    async with database.transaction() as connection:
        return await store.live_secrets(connection, keys_of(keys), list(numbers))


def live(url: str, keys: str, numbers: range) -> dict[int, list[bytes]]:
    async def work() -> dict[int, list[bytes]]:
        database = Database(url, pool_size=1)
        found = await signing(database, keys, numbers)
        await database.dispose()
        return found

    return asyncio.run(work())


def test_keygen_makes_a_key_once(run: Run, tmp_path: Path) -> None:
    """For its owner's eyes only; a second call does not write over it."""
    made = answer(run("secrets", "keygen", "secret.keys", "--json"))
    file = tmp_path / "secret.keys"
    assert made == {"file": str(file), "id": keys_of(file.read_text()).ids[0]}
    assert file.stat().st_mode & 0o777 == 0o600
    again = run("secrets", "keygen", "secret.keys")
    assert (again.exit_code, "exists already" in again.output) == (1, True)
    assert keys_of(file.read_text()).ids == (made["id"],)
    shown = answer(run("secrets", "keygen", "--json"))
    assert keys_of(shown["key"]).ids == (shown["id"],)
    assert shown["id"] != made["id"]


def test_a_key_is_replaced(run: Run, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """New and old together; all is encrypted anew, page by page; then the old one is needed no more."""
    monkeypatch.setattr("ledger.cli.secrets.PAGE", 2)
    old, new, numbers = new_key(), new_key(), range(1, 6)
    before = endpoints(database_url, old, numbers)
    assert len(before) == 5

    both = tmp_path / "both.keys"
    both.write_text(f"{new}\n{old}\n")
    done = answer(run("secrets", "reencrypt", "--json", LEDGER_SECRET_KEYS=str(both)))
    assert done == {"key": keys_of(new).ids[0], "reencrypted": 5, "failed": []}
    assert live(database_url, new, numbers) == before
    assert live(database_url, old, numbers) == {}
    assert run("secrets", "reencrypt", LEDGER_SECRET_KEYS=new).output == "0 secrets were encrypted anew\n"

    run_sql(database_url, "UPDATE webhook_secrets SET sealed = sealed || '\\x00' WHERE endpoint = 3")
    broken = run("secrets", "reencrypt", LEDGER_SECRET_KEYS=f"{old},{new}")
    assert broken.exit_code == 1
    assert "4 secrets were encrypted anew\nnot decrypted: whe_00000000003, secret 1: it is not what" in broken.output
    assert set(live(database_url, old, numbers)) == {1, 2, 4, 5}


def test_the_urls_of_channels_are_encrypted_anew_too(run: Run, database_url: str) -> None:
    """And what cannot be decrypted is named."""
    old, new, url = new_key(), new_key(), "https://hooks.slack.com/services/x"
    run_sql(database_url, "DELETE FROM webhook_secrets")
    for channel in (1, 2):
        run_sql(
            database_url,
            "INSERT INTO notification_channels (channel, wallet_id, kind, shown, sealed, events, changed_by)"
            " VALUES (%s, 7, 'slack', 'https://hooks.slack.com/…', %s, '{*}', 'key_1')",
            *(channel, sealed_url(keys_of(old), 1, url)),
        )
    done = run("secrets", "reencrypt", LEDGER_SECRET_KEYS=f"{new},{old}")
    assert "1 secret was encrypted anew\nnot decrypted: chn_00000000002: it is not what" in done.output
    ((sealed,),) = run_sql(database_url, "SELECT sealed FROM notification_channels WHERE channel = 1")
    assert url == url_of(keys_of(new), 1, bytes(sealed))
    run_sql(database_url, "DELETE FROM notification_channels")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", "LEDGER_SECRET_KEYS is not set"),
        ("/nowhere/secret.keys", "LEDGER_SECRET_KEYS: /nowhere/secret.keys cannot be read"),
        ("/dev/null", "LEDGER_SECRET_KEYS: must be keys, each sek_"),
        ("sek_abcdef", "LEDGER_SECRET_KEYS must be keys, each sek_"),
    ],
)
def test_what_can_be_put_right_is_said(run: Run, keys: str, said: str) -> None:
    done = run("secrets", "reencrypt", LEDGER_SECRET_KEYS=keys)
    assert done.exit_code == 1, done.output
    assert said in done.output
    assert "abcdef" not in done.output


def test_doctor_says_which_keys_there_are(run: Run, database_url: str) -> None:
    """None is a warning; a file that cannot be read fails; of keys their ids are shown, and of those that are missing."""

    def checks(**environ: str) -> dict[str, dict[str, str]]:
        return {one["what"]: one for one in json.loads(run("doctor", "--json", **environ).stdout)["checks"]}

    def check(**environ: str) -> dict[str, str]:
        return checks(**environ)["secret keys"]

    one, other = new_key(), new_key()
    assert check()["state"] == "warn"
    assert check(LEDGER_SECRET_KEYS="/nowhere")["state"] == "fail"
    assert check(LEDGER_SECRET_KEYS=one)["seen"] == f"{keys_of(one).ids[0]} encrypts"
    run_sql(database_url, "DELETE FROM webhook_secrets")
    endpoints(database_url, one, range(11, 13))
    assert "secrets" not in checks(LEDGER_SECRET_KEYS=one)
    for missing in (checks(LEDGER_SECRET_KEYS=other), checks()):
        assert missing["secrets"]["state"] == "fail"
        assert missing["secrets"]["seen"] == f"2 were encrypted by the key {keys_of(one).ids[0]}, which is not set"
    both = check(LEDGER_SECRET_KEYS=f"{one},{other}")["seen"]
    assert both == f"{keys_of(one).ids[0]} encrypts, and decrypts with {keys_of(other).ids[0]}"
