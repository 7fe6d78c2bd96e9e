"""What is encrypted can be had back by who has the key, and for the place that it was encrypted for; nothing else can."""

import base64
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.kit import key_file
from ledger.kit.secret_keys import NotDecrypted, SecretKeys, key_id_of, keys_of, new_key

keys = st.binary(min_size=32, max_size=32)
plain = st.binary(max_size=300)
places = st.text(max_size=60)


@given(keys, plain, places)
def test_it_comes_back_as_it_was(key: bytes, secret: bytes, about: str) -> None:
    """Under another nonce each time, and readable by nobody meanwhile."""
    vault = SecretKeys([key])
    one, other = vault.encrypt(secret, about), vault.encrypt(secret, about)
    assert vault.decrypt(one, about) == vault.decrypt(other, about) == secret
    assert one != other
    assert len(one) == 9 + 12 + len(secret) + 16
    assert len(secret) < 4 or secret not in one


@given(keys, plain, places, places)
def test_it_belongs_to_its_place(key: bytes, secret: bytes, about: str, elsewhere: str) -> None:
    assume(about != elsewhere)
    vault = SecretKeys([key])
    with pytest.raises(NotDecrypted):
        vault.decrypt(vault.encrypt(secret, about), elsewhere)


@given(keys, plain, places, st.data())
def test_no_bit_of_it_can_be_changed(key: bytes, secret: bytes, about: str, data: st.DataObject) -> None:
    """Nor any of it be cut off, or more be added."""
    vault = SecretKeys([key])
    encrypted = vault.encrypt(secret, about)
    bit = data.draw(st.integers(0, 8 * len(encrypted) - 1))
    changed = bytearray(encrypted)
    changed[bit // 8] ^= 1 << bit % 8
    cut = encrypted[: data.draw(st.integers(0, len(encrypted) - 1))]
    for wrong in (bytes(changed), cut, encrypted + b"\x00"):
        with pytest.raises(NotDecrypted):
            vault.decrypt(wrong, about)


@given(keys, keys, plain, places)
def test_no_other_key_will_do(key: bytes, other: bytes, secret: bytes, about: str) -> None:
    """Not even under the id of the right one."""
    assume(key != other)
    encrypted = SecretKeys([key]).encrypt(secret, about)
    foreign = SecretKeys([other])
    with pytest.raises(NotDecrypted) as caught:
        foreign.decrypt(encrypted, about)
    assert key_id_of(encrypted) in str(caught.value)
    renamed = encrypted[:1] + bytes.fromhex(foreign.ids[0]) + encrypted[9:]
    with pytest.raises(NotDecrypted):
        foreign.decrypt(renamed, about)


@given(keys, keys, plain, places)
def test_a_key_can_be_replaced(old: bytes, new: bytes, secret: bytes, about: str) -> None:
    """The first one encrypts, all decrypt; what the old one encrypted is told apart."""
    assume(old != new)
    before, between, after = SecretKeys([old]), SecretKeys([new, old]), SecretKeys([new])
    kept = before.encrypt(secret, about)
    assert (before.is_newest(kept), between.is_newest(kept)) == (True, False)
    again = between.encrypt(between.decrypt(kept, about), about)
    assert between.is_newest(again)
    assert after.decrypt(again, about) == secret
    with pytest.raises(NotDecrypted):
        before.decrypt(again, about)


def test_keys_as_text() -> None:
    """Several, however they are separated; what is none is refused, and shown nowhere."""
    one, other = new_key(), new_key()
    assert one != other
    assert len(base64.b64decode(one.removeprefix("sek_"))) == 32
    assert keys_of(f" {one},\n{other}\n").ids == keys_of(one).ids + keys_of(other).ids
    for wrong in (
        "",
        " , ",
        one[:-1],
        one.replace("sek_", "ask_"),
        f"{one},{other}x",
        one + other,
        "sek_" + "é" * 43 + "=",
    ):
        with pytest.raises(ValueError, match="must be keys, each sek_") as caught:
            keys_of(wrong)
        assert other not in str(caught.value)
    with pytest.raises(ValueError, match="there must be a key"):
        SecretKeys([])
    with pytest.raises(ValueError, match="32 bytes, not 16"):
        SecretKeys([b"x" * 16])
    assert one not in repr(keys_of(one))
    assert keys_of(one).ids[0] in repr(keys_of(one))


def test_a_key_in_a_file(tmp_path: Path) -> None:
    """Written once, for its owner's eyes only; and what a setting holds may be either."""
    file = tmp_path / "secret.keys"
    key_file.write_new(file, new_key())
    written = file.read_text().strip()
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        key_file.write_new(file, new_key())
    assert key_file.held_by(str(file)) == key_file.held_by(written) == written
    assert [path.name for path in tmp_path.iterdir()] == ["secret.keys"]
    with pytest.raises(ValueError, match="cannot be read"):
        key_file.held_by(str(tmp_path / "nowhere"))
