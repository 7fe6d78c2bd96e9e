"""Keys in files: a setting holds a key itself, or the absolute path of a file that does."""

import os
from pathlib import Path


def write_new(file: Path, text: str) -> None:
    """A key in a file of its own, whole or not at all, for our eyes only.

    Raises:
        FileExistsError: a key is never written over.
    """
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    try:
        with fresh.open("w") as out:
            out.write(text + "\n")
            out.flush()
            os.fsync(out.fileno())
        file.hardlink_to(fresh)
    finally:
        fresh.unlink()


def held_by(value: str) -> str:
    """What a setting's value holds: itself, or what is in the file that it names.

    Raises:
        ValueError: the file cannot be read. The message shows nothing of it.
    """
    if not value.startswith("/"):
        return value
    try:
        return Path(value).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{value} cannot be read ({type(error).__name__})") from error
