"""What the code of an endpoint, a page or a job sees: the objects, the time, and a way to say what happened.

One is made for each unit of work. It is the only way to write, so that each change of an object and its event are in
one place: ``change`` does both.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ledger.sandbox.agenda import Agenda
from ledger.sandbox.config import Config
from ledger.sandbox.errors import Object
from ledger.sandbox.idempotency import Keys
from ledger.sandbox.objects import Objects, public
from ledger.sandbox.rules.changes import previous
from ledger.sandbox.shapes.event import event as event_of
from ledger.sandbox.webhooks.outbox import Outbox


class Asked(NamedTuple):
    """The request that a unit of work answers; nothing of it for what happens by itself."""

    request_id: str | None = None
    idempotency_key: str | None = None


class Parts(NamedTuple):
    """What is written to."""

    objects: Objects
    agenda: Agenda
    outbox: Outbox
    keys: Keys


class World:
    """A unit of work.

    Attributes:
        now: the sandbox's time in whole seconds, as objects have it.
        moment: the same, exactly.
        base: the address that pages are reached at.
    """

    def __init__(self, parts: Parts, config: Config, asked: Asked, moment: float, base: str) -> None:
        self.objects, self.agenda, self.outbox, self.keys = parts
        self.config = config
        self.asked = asked
        self.moment = moment
        self.now = int(moment)
        self.base = base

    def get(self, kind: str, named: str, param: str = "id") -> Object:
        """The object of this kind with this id. Raises StripeError, which names ``param``."""
        return self.objects.get(kind, named, param)

    def add(self, thing: Object, event: str | None = None) -> Object:
        """Keep a new object, and say so."""
        self.objects.save(thing)
        if event is not None:
            self.emit(event, thing)
        return thing

    def change(self, thing: Object, event: str | None = None, /, **fields: Any) -> Object:
        """Set members of an object, keep it, and say what they were before."""
        before = public(thing)
        thing.update(fields)
        self.objects.save(thing)
        if event is not None:
            self.emit(event, thing, previous(before, public(thing)) if _tells_before(event) else None)
        return thing

    def emit(self, kind: str, thing: Object, before: Object | None = None) -> None:
        """Something happened to an object: an event with what it is like now, for who wants to know."""
        for _ in range(self.outbox.copies()):
            event = event_of(kind, public(thing), before, self.now, self.asked)
            event["pending_webhooks"] = self.outbox.put(event, self.moment)
            self.objects.save(event)

    def later(self, seconds: float, job: str, **args: Any) -> None:
        """Have a job done when so much time has passed."""
        self.agenda.add(self.moment + seconds, job, args)


def _tells_before(event: str) -> bool:
    """Whether events of a type have ``previous_attributes``."""
    return event.endswith(".updated") or event in ("charge.refunded", "payment_method.detached")
