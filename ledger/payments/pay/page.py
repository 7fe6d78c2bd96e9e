"""What a customer sees of us: a word and a link. The page that takes the money is Stripe's."""

from html import escape
from typing import Final

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><link rel="icon" href="data:,"><title>{title}</title>
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1.5rem;color:#1a1a1a}}
@media (prefers-color-scheme:dark){{body{{background:#161616;color:#eee}}a{{color:#9cf}}}}</style></head>
<body><main><h1>{title}</h1><p>{text}</p>{link}</main></body></html>"""

TOLD: Final = {
    "paid": ("Thank you", "The payment was made, and the credits are in your account."),
    "processing": ("Thank you", "The payment is on its way. The credits come when your bank has confirmed it."),
    "open": ("Not paid yet", "Nothing was charged."),
    "canceled": ("No longer needed", "This payment was called off. Nothing was charged."),
    "expired": ("Expired", "This link has expired. Ask for a new one; nothing was charged."),
    "away": ("One moment, please", "The payment page cannot be opened right now. Nothing was charged; try again."),
    "saved": ("Thank you", "It is saved, and nothing was charged. You can close this page."),
    "unknown": ("Not found", "There is no payment under this address."),
}
"""Title and text, by what there is to tell."""


def page_of(told: str, link: str | None = None, text: str = "Go on") -> bytes:
    """The page, with a link to go on where there is one."""
    title, said = TOLD[told]
    onward = "" if link is None else f'<p><a href="{escape(link, quote=True)}">{escape(text)}</a></p>'
    return _PAGE.format(title=escape(title), text=escape(said), link=onward).encode()
