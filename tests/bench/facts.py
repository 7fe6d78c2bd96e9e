"""Where and of what figures were taken: they mean little without."""

import os
import platform
import statistics
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg

PARTS = ("litestar", "granian", "msgspec", "psycopg", "uvloop", "sqlalchemy")


def facts(url: str, disk: Path) -> dict[str, Any]:
    """The machine, the commit and the versions."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    assert row is not None
    return {
        "machine": {
            "cores": os.cpu_count(),
            "processor": _processor(),
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "kernel": platform.release(),
            "fdatasync_us": round(fdatasync_us(disk)),
            "load_before": round(os.getloadavg()[0], 2),
        },
        "commit": _git("rev-parse", "HEAD") + ("+" if _git("status", "--porcelain", "--untracked-files=no") else ""),
        "versions": {
            "python": platform.python_version(),
            "postgresql": row[0],
            **{name: version(name) for name in PARTS},
        },
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def fdatasync_us(directory: Path) -> float:
    """What it takes to bring 8 kB to the disk: the median of a few hundred."""
    path = directory / "fdatasync"
    taken = []
    handle = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        for _ in range(300):
            began = time.perf_counter()
            os.pwrite(handle, b"\1" * 8192, 0)
            os.fdatasync(handle)
            taken.append(time.perf_counter() - began)
    finally:
        os.close(handle)
        path.unlink()
    return statistics.median(taken) * 1e6


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip()
