"""One exchange over HTTP, judged whole: route, parameters, answer, error, headers, and the events in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.contract.stripe import events, forms
from tests.contract.stripe.annotations import Schema
from tests.contract.stripe.operations import Operation, find
from tests.contract.stripe.schemas import lookup, of_error
from tests.contract.stripe.sources import PINNED
from tests.contract.stripe.validate import Problem, problems

TYPES_OF_STATUS = {
    400: {"invalid_request_error", "idempotency_error"},
    401: {"invalid_request_error"},
    402: {"card_error"},
    403: {"invalid_request_error"},
    404: {"invalid_request_error"},
    409: {"idempotency_error", "invalid_request_error"},
    500: {"api_error"},
    502: {"api_error"},
    503: {"api_error"},
    504: {"api_error"},
}
"""What an error calls itself, by the status of its answer; 429 is left out, as accounts of it differ."""


REFUSES_NUMBERS = ("/v1/payment_methods", "/v1/tokens")
"""Where numbers of cards are refused with 402 and an invalid_request_error: no card was declined, as none was tried."""


@dataclass(frozen=True)
class Exchange:
    """A request as it was sent and the answer as it came."""

    method: str
    url: str
    body: str = ""
    """The form of a POST."""
    sent: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    answer: str = ""
    received: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """What the operation is found by."""
        return urlsplit(self.url).path

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path} -> {self.status}"


@dataclass(frozen=True)
class Verdict:
    """What is wrong with an exchange."""

    exchange: Exchange
    request: tuple[Problem, ...]
    """What Stripe would have refused."""
    response: tuple[Problem, ...]
    """What Stripe would not have answered."""

    @property
    def refused(self) -> bool:
        """The request was turned down: where it was wrong, the answer is right."""
        return 400 <= self.exchange.status < 500 and self.exchange.status != 402

    @property
    def broken(self) -> list[str]:
        """What breaks the contract, in sentences. A wrong request does not, if it was refused."""
        asked = [] if self.refused else [f"{self.exchange}: request: {each}" for each in self.request]
        return asked + [f"{self.exchange}: response: {each}" for each in self.response]


def judged(exchange: Exchange) -> Verdict:
    """The exchange beside what the SDK says of it."""
    operation = find(exchange.method, exchange.path)
    if operation is None:
        wrong = [Problem("", f"the API has no {exchange.method.upper()} {exchange.path}")]
        return Verdict(exchange, tuple(wrong), tuple(_failure(exchange) if exchange.status >= 400 else ()))
    try:
        asked = forms.typed(forms.decode(exchange.body or urlsplit(exchange.url).query), operation.request)
    except ValueError as error:
        asked, wrong = {}, [Problem("", str(error))]
    else:
        wrong = [*problems(asked, operation.request), *_unexpandable(asked, operation)]
    answered = _failure(exchange) if exchange.status >= 400 else _success(exchange, operation, asked)
    return Verdict(exchange, (*wrong, *_headers_sent(exchange)), (*answered, *_headers_received(exchange)))


def _success(exchange: Exchange, operation: Operation, asked: dict[str, Any]) -> Iterator[Problem]:
    if exchange.status != 200:
        yield Problem("", f"a success has the status 200, and not {exchange.status}")
    try:
        answer = json.loads(exchange.answer)
    except ValueError:
        yield Problem("", "is no JSON")
        return
    expand = asked.get("expand", [])
    yield from problems(answer, operation.response, expand=expand if isinstance(expand, list) else ())
    if operation.template == "/v1/events/{id}":
        yield from events.judged(answer)
    elif operation.template == "/v1/events" and isinstance(answer, dict) and isinstance(answer.get("data"), list):
        for at, event in enumerate(answer["data"]):
            yield from (each.under(f"data.{at}") for each in events.judged(event))


def _failure(exchange: Exchange) -> Iterator[Problem]:
    try:
        answer = json.loads(exchange.answer)
    except ValueError:
        yield Problem("", "an error is no JSON, so the SDK would tell nothing of it")
        return
    wrong = problems(answer, of_error())
    yield from wrong
    if wrong:
        return
    kind, allowed = answer["error"]["type"], TYPES_OF_STATUS.get(exchange.status)
    if exchange.status == 402 and exchange.path in REFUSES_NUMBERS:
        allowed = {"card_error", "invalid_request_error"}
    if allowed is not None and kind not in allowed:
        yield Problem("error.type", f"{kind} does not come with the status {exchange.status}")


def _unexpandable(asked: dict[str, Any], operation: Operation) -> Iterator[Problem]:
    paths = asked.get("expand", [])
    for path in paths if isinstance(paths, list) else ():
        if not _has(operation.response, str(path).split(".")):
            yield Problem("expand", f"the answer has no {path}")
        elif str(path).count(".") > 3:
            yield Problem("expand", f"{path} is deeper than four levels")


def _has(schema: Schema, path: list[str]) -> bool:
    """Whether there is such a field, in any branch of the schema."""
    if "$ref" in schema:
        return _has(lookup(schema["$ref"]), path)
    if "anyOf" in schema:
        return any(_has(branch, path) for branch in schema["anyOf"])
    if "else" in schema:
        return _has(schema["else"], path)
    if "items" in schema:
        return _has(schema["items"], path)
    return not path or (path[0] in schema.get("properties", {}) and _has(schema["properties"][path[0]], path[1:]))


def _headers_sent(exchange: Exchange) -> Iterator[Problem]:
    sent = {name.lower(): value for name, value in exchange.sent.items()}
    if sent.get("stripe-version", PINNED[1]) != PINNED[1]:
        yield Problem("Stripe-Version", f"{sent['stripe-version']} is not the pinned {PINNED[1]}")
    if exchange.method.lower() != "get" and len(sent.get("idempotency-key", "")) > 255:
        yield Problem("Idempotency-Key", "has more than 255 characters")


def _headers_received(exchange: Exchange) -> Iterator[Problem]:
    sent = {name.lower(): value for name, value in exchange.sent.items()}
    received = {name.lower(): value for name, value in exchange.received.items()}
    if exchange.status < 500 and not received.get("request-id", "").startswith("req_"):
        yield Problem(
            "Request-Id", f"an answer names its request, as in req_123, and not {received.get('request-id')!r}"
        )
    if not received.get("content-type", "application/json").startswith("application/json"):
        yield Problem("Content-Type", f"{received['content-type']} is not application/json")
    if exchange.status == 200:
        for name in ("Stripe-Version", "Idempotency-Key"):
            if name.lower() in sent and received.get(name.lower()) != sent[name.lower()]:
                yield Problem(name, f"is sent back as {received.get(name.lower())!r}, and was {sent[name.lower()]!r}")
