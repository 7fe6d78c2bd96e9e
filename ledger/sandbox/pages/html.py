"""How pages are written: everything that comes from outside is escaped by ``text``, and nothing is loaded."""

from html import escape
from importlib.resources import files
from typing import Final

from ledger.sandbox.http import Answer, html

_STYLE: Final = (files("ledger.sandbox.pages") / "style.css").read_text()
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"


def text(value: object) -> str:
    """Text in a page or in an attribute."""
    return escape(str(value), quote=True)


def page(title: str, body: str, *, status: int = 200) -> Answer:
    """A whole page."""
    whole = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )
    answer = html(whole, status)
    answer.headers["Content-Security-Policy"] = _POLICY
    return answer


def message(title: str, said: str, *, status: int = 200, link: tuple[str, str] | None = None) -> Answer:
    """A page that only says something; ``link`` is a text and an address."""
    way = f'<p><a href="{text(link[1])}">{text(link[0])}</a></p>' if link else ""
    return page(title, f"<h1>{text(title)}</h1>\n<p>{text(said)}</p>\n{way}", status=status)


def field(
    name: str,
    label: str,
    value: str = "",
    *,
    kind: str = "text",
    hint: str = "",
    fill: str = "off",
    digits: bool = False,
) -> str:
    """An input with its label. ``fill``: what a browser may fill in; ``digits``: which keyboard a phone shows."""
    mode = ' inputmode="numeric"' if digits else ""
    return (
        f'<div class="field"><label for="{name}">{text(label)}</label>'
        f'<input id="{name}" name="{name}" type="{kind}" value="{text(value)}" placeholder="{text(hint)}" '
        f'autocomplete="{fill}"{mode}></div>'
    )


def table(rows: list[tuple[str, str]]) -> str:
    """Names and amounts, one below the other."""
    cells = "".join(f'<tr><th scope="row">{text(name)}</th><td>{text(value)}</td></tr>' for name, value in rows)
    return f'<table class="lines"><tbody>{cells}</tbody></table>'
