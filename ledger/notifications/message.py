"""A text with an event's figures, and how it is written for people who read mail or Slack. Pure."""

import html
import re
import string
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, NamedTuple

from ledger.kit.mail import one_line
from ledger.kit.money import scale_of
from ledger.notifications.texts import OTHER, TEXTS, WORDS, Text

SUBJECT_MAX: Final = 150
FIGURE_MAX: Final = 200
FIGURES_MAX: Final = 20
SLACK_MAX: Final = 3_000

_NUMBER: Final = re.compile(r"(-?)([0-9]{1,30})(?:\.([0-9]{1,30}))?", re.ASCII)
_BEGINS: Final = re.compile(r"^(\s*)(\w)")


class Message(NamedTuple):
    """What is said: a line, sentences, what to do, and where it comes from."""

    subject: str
    says: tuple[str, ...]
    advice: str
    footer: str


class About(NamedTuple):
    """The wallet of a message: its public id, what it is called, and where its midnight is."""

    wallet_id: str
    name: str
    zone: tzinfo = UTC


def message_of(of_type: str, data: Mapping[str, Any], about: About, left_out: int = 0) -> Message:
    """What is said of an event with this ``data``."""
    text = TEXTS.get(of_type, OTHER)
    said = _said(text, {**data, "type": of_type}, about)
    says = said.says
    if text is OTHER:
        says += tuple(f"{name}: {_plain(value)}" for name, value in list(data.items())[:FIGURES_MAX])
    if left_out:
        others = "1 other event" if left_out == 1 else f"{left_out:,} other events"
        says += (f"{others} of this kind since the last message {'is' if left_out == 1 else 'are'} left out here.",)
    return said._replace(says=says)


def trial_message(text: Text, about: About) -> Message:
    """What a test says."""
    return _said(text, {}, about)


def plain(message: Message) -> str:
    """As text."""
    return "\n\n".join(part for part in (*message.says, message.advice, f"-- \n{message.footer}") if part) + "\n"


def as_html(message: Message) -> str:
    """As a page that any mail program shows."""
    paragraphs = [f"<p>{html.escape(sentence)}</p>" for sentence in message.says]
    if message.advice:
        paragraphs.append(f"<p><strong>{html.escape(message.advice)}</strong></p>")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>'
        f"{html.escape(message.subject)}</title></head>\n"
        '<body style="font-family: sans-serif; line-height: 1.5; max-width: 40em">\n'
        f"<h2>{html.escape(message.subject)}</h2>\n"
        + "\n".join(paragraphs)
        + f'\n<p style="color: #666; font-size: small">{html.escape(message.footer)}</p>\n</body></html>\n'
    )


def mrkdwn(message: Message) -> str:
    """As Slack has it: what could be a link, or call somebody, is escaped."""
    lines = [f"*{_escaped(message.subject)}*", *map(_escaped, message.says)]
    if message.advice:
        lines.append(f"→ {_escaped(message.advice)}")
    text = "\n".join([*lines, _escaped(message.footer)])
    return text if len(text) <= SLACK_MAX else text[: SLACK_MAX - 1].rpartition("\n")[0] + "\n…"


class _Missing(Exception):
    """An event has no such figure."""


class _Writer(string.Formatter):
    """Fills in figures; of a name nothing but a look-up is done."""

    def __init__(self, data: Mapping[str, Any], about: About) -> None:
        self._data = data
        self._about = about

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        own = {"wallet": self._about.name, "wallet_id": self._about.wallet_id}
        return own.get(field_name) or self._data.get(field_name), field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None:
            raise _Missing
        if format_spec == "credits":
            number = grouped(_plain(value))
            return f"{number} {'credit' if number == '1' else 'credits'}"
        if format_spec == "money":
            return money(_plain(value), str(self._data.get("currency") or ""))
        if format_spec == "time":
            return _time(_plain(value), self._about.zone)
        if format_spec == "words":
            return WORDS.get(_plain(value)) or _plain(value).replace("_", " ")
        return grouped(_plain(value)) if format_spec == "number" else _plain(value)


def grouped(number: str) -> str:
    """A decimal number with its thousands set apart; any other text as it is."""
    match = _NUMBER.fullmatch(number)
    if match is None:
        return number
    decimals = (match[3] or "").rstrip("0")
    whole = f"{'−' if match[1] else ''}{int(match[2]):,}"
    return f"{whole}.{decimals}" if decimals else whole


def money(amount: str, currency: str) -> str:
    """``1,250.00 USD``, with the decimals that the currency has."""
    match = _NUMBER.fullmatch(amount)
    if match is None:
        return f"{amount} {currency}".strip()
    decimals = (match[3] or "").ljust(scale_of(currency), "0")
    whole = f"{'−' if match[1] else ''}{int(match[2]):,}"
    return f"{whole}{'.' if decimals else ''}{decimals} {currency}".strip()


def _said(text: Text, data: Mapping[str, Any], about: About) -> Message:
    writer = _Writer(data, about)
    says = tuple(done for sentence in text.says if (done := _filled(writer, sentence)) is not None)
    subject = one_line(_filled(writer, text.subject) or f"{data.get('type', 'event')} in {about.name}")
    short = subject if len(subject) <= SUBJECT_MAX else subject[: SUBJECT_MAX - 1] + "…"
    footer = f"This was sent for {about.name} ({about.wallet_id}), as its notification settings say."
    return Message(_begun(short), says, text.advice, one_line(footer))


def _filled(writer: _Writer, sentence: str) -> str | None:
    try:
        return _begun(one_line(writer.vformat(sentence, (), {})))
    except _Missing:
        return None


def _begun(sentence: str) -> str:
    return _BEGINS.sub(lambda match: match[1] + match[2].upper(), sentence)


def _plain(value: Any) -> str:
    text = one_line(str(value))
    return text if len(text) <= FIGURE_MAX else text[: FIGURE_MAX - 1] + "…"


def _time(value: str, zone: tzinfo) -> str:
    try:
        at = datetime.fromisoformat(value).astimezone(zone)
    except (ValueError, OverflowError):
        return value
    return f"{at.day} {at:%B %Y, %H:%M} ({zone})"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
