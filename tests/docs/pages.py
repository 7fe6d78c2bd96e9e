"""Pages of the documentation, read by a program: blocks, links, headings, and answers that are shown abridged.

What stands between ``<!-- run -->`` and ``<!-- end -->`` is run: each ``sh`` block is pasted into one bash, and the
``json`` or ``text`` block right after it is what it must answer. In a shown answer ``…`` stands for anything: a member
``…`` for further members, an item ``…`` for further items, a line ``…`` for further lines, in a text for more text.
Ids, times and hashes are compared by their form only, so that a page can show them as they look.
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
ANY = "…"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_REGION = re.compile(r"<!-- run -->(.*?)<!-- end -->", re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
_MASKS = (
    (re.compile(r"\b(wal|txn|lot|hld|bud|trf|pay|rfd|arf|evt|whe|chn|key|clk|req)_[0-9A-Za-z_]+"), r"\1_"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "<time>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<hash>"),
    (re.compile(r"\b\d+\.\d+ s\b"), "<seconds>"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "<api>"),
)


class Step(NamedTuple):
    """Commands to paste, and what they must answer (None: nothing is shown)."""

    line: int
    commands: str
    kind: str
    answer: str | None


def pages() -> list[Path]:
    """Every page there is."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def steps(page: Path) -> list[Step]:
    """What is run of a page, in order."""
    text = page.read_text()
    found: list[Step] = []
    for region in _REGION.finditer(text):
        for fence in _FENCE.finditer(text, region.start(1), region.end(1)):
            language, body = fence.groups()
            line = text.count("\n", 0, fence.start()) + 1
            if language == "sh":
                found.append(Step(line, body, "", None))
            elif language in ("json", "text") and found and found[-1].answer is None:
                found[-1] = found[-1]._replace(kind=language, answer=body)
    return found


def blocks(page: Path, language: str) -> list[str]:
    """The page's blocks in a language."""
    return [body for found, body in _FENCE.findall(page.read_text()) if found == language]


def prose(page: Path) -> str:
    """The page without its blocks."""
    return _FENCE.sub("", page.read_text())


def links(page: Path) -> list[str]:
    """Where the page points to."""
    return [str(target) for target in _LINK.findall(prose(page))]


def anchors(page: Path) -> set[str]:
    """The anchors of the page's headings, as GitHub makes them."""
    plain = [re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in _HEADING.findall(prose(page))]
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in plain}


def section(page: Path, title: str) -> str:
    """The text below a heading, up to the next one of its level or above."""
    match = re.search(rf"^(#+) {re.escape(title)}$(.*)\Z", page.read_text(), re.MULTILINE | re.DOTALL)
    assert match, f"{named(page)} has no heading {title!r}"
    return re.split(rf"^#{{1,{len(match[1])}}} ", match[2], maxsplit=1, flags=re.MULTILINE)[0]


def headings(page: Path, level: int) -> list[str]:
    """The titles of this level."""
    return re.findall(rf"^{'#' * level} (.*)$", prose(page), re.MULTILINE)


def differences(shown: str, told: str, kind: str) -> str | None:
    """Where an answer is not what the page shows; None where it is."""
    if kind == "text":
        return _text(shown, told)
    try:
        answers = [json.loads(line) for line in told.splitlines() if line.strip()]
    except ValueError:
        return f"not JSON: {told!r}"
    expected = _documents(shown)
    if len(expected) != len(answers):
        return f"{len(answers)} answers instead of {len(expected)}: {told}"
    for want, got in zip(expected, answers, strict=True):
        found = _json(want, got, "$")
        if found is not None:
            return f"{found}\n{told}"
    return None


def example(text: str) -> Any:
    """The value of a shown JSON document."""
    (value,) = _documents(text)
    return value


def _masked(text: str) -> str:
    for pattern, by in _MASKS:
        text = pattern.sub(by, text)
    return text


def _fits(shown: str, told: str) -> bool:
    parts = [re.escape(part) for part in _masked(shown).split(ANY)]
    return re.fullmatch(".*".join(parts), _masked(told), re.DOTALL) is not None


def _text(shown: str, told: str) -> str | None:
    wanted = "\n".join(line.rstrip() for line in shown.rstrip("\n").splitlines())
    found = "\n".join(line.rstrip() for line in told.strip("\n").splitlines())
    return None if _fits(wanted, found) else f"shown:\n{wanted}\ntold:\n{found}"


def _documents(text: str) -> list[Any]:
    """The JSON documents of a block, one after the other; a bare ``…`` becomes a member or an item."""
    inside: list[str] = []

    def token(match: re.Match[str]) -> str:
        found = match[0]
        if found in "{[":
            inside.append(found)
        elif found in "}]":
            inside.pop()
        elif found == ANY:
            return f'"{ANY}": null' if inside[-1] == "{" else f'"{ANY}"'
        return found

    text = re.sub(r'"(?:[^"\\]|\\.)*"|[][{}]|…', token, text).strip()
    decoder, found = json.JSONDecoder(), []
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].strip()
    return found


def _json(want: Any, got: Any, at: str) -> str | None:
    if isinstance(want, dict) and isinstance(got, dict):
        missing = want.keys() - got.keys() - {ANY}
        more = set() if ANY in want else got.keys() - want.keys()
        if missing or more:
            return f"{at}: missing {sorted(missing)}, not shown {sorted(more)}"
        found = (_json(want[name], got[name], f"{at}.{name}") for name in want if name != ANY)
        return next(filter(None, found), None)
    if isinstance(want, list) and isinstance(got, list):
        if ANY in want:
            head = want.index(ANY)
            tail = len(want) - head - 1
            if len(got) < head + tail:
                return f"{at}: {len(got)} items"
            pairs = [*zip(want[:head], got, strict=False), *zip(want[head + 1 :], got[len(got) - tail :], strict=True)]
        elif len(want) == len(got):
            pairs = list(zip(want, got, strict=True))
        else:
            return f"{at}: {len(got)} items instead of {len(want)}"
        found = (_json(w, g, f"{at}[{place}]") for place, (w, g) in enumerate(pairs))
        return next(filter(None, found), None)
    if isinstance(want, str) and isinstance(got, str):
        return None if _fits(want, got) else f"{at}: {got!r} instead of {want!r}"
    return None if want == got and type(want) is type(got) else f"{at}: {got!r} instead of {want!r}"
