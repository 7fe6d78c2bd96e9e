"""What a request can reach: the parts of the service, made once per process, and who is calling."""

from typing import Any, NamedTuple

from ledger.access.service import Access, Principal
from ledger.book.commands import Attempt, Changed, Command, Outcome, Posted, Refused, Rider
from ledger.book.door import Door
from ledger.book.read import Reader
from ledger.errors import SecretKeysMissing, StripeUnavailable
from ledger.kit.db import Database
from ledger.kit.egress.client import Egress
from ledger.kit.http.answers import Answer, created_as
from ledger.kit.http.problems import RefusedBefore
from ledger.kit.http.strict import StrictRequest
from ledger.kit.idempotency import Work, once
from ledger.kit.secret_keys import SecretKeys
from ledger.payments.desk import Desk
from ledger.payments.gateway import Gateway
from ledger.rates.service import Cards
from ledger.settings import Settings
from ledger.wallets.directory import Directory


class Services(NamedTuple):
    """The parts of one process. ``stripe`` and ``secret_keys``: None where no key is set."""

    database: Database
    door: Door
    reader: Reader
    directory: Directory
    access: Access
    cards: Cards
    settings: Settings
    stripe: Gateway | None
    secret_keys: SecretKeys | None
    egress: Egress


class LedgerRequest(StrictRequest):
    """A request, with the service behind it."""

    @property
    def services(self) -> Services:
        services: Services = self.scope["litestar_app"].state["services"]
        return services

    @property
    def principal(self) -> Principal:
        principal: Principal = self.scope["auth"]
        return principal

    @property
    def desk(self) -> Desk:
        """What working on payments needs. Raises StripeUnavailable where this service has no key for Stripe."""
        services = self.services
        if services.stripe is None:
            raise StripeUnavailable("this service takes no payments: no key for Stripe is set")
        return Desk(services.database, services.door, services.stripe, services.settings)

    @property
    def secret_keys(self) -> SecretKeys:
        """What secrets are encrypted with. Raises SecretKeysMissing where this service has no key for it."""
        keys = self.services.secret_keys
        if keys is None:
            raise SecretKeysMissing("this service keeps no secrets: LEDGER_SECRET_KEYS is not set")
        return keys

    def attempt(self, command: Command, key: str, riders: tuple[Rider, ...] = ()) -> Attempt:
        """The command as this caller's attempt."""
        principal = self.principal
        return Attempt(
            command=command,
            key=key,
            riders=riders,
            namespace=principal.namespace,
            actor=principal.key_id,
            request_id=self.scope["request_id"],  # type: ignore[typeddict-item]
        )

    async def post(self, command: Command, key: str | None = None, riders: tuple[Rider, ...] = ()) -> Posted:
        """Post one command under the request's Idempotency-Key. Raises what it is refused with."""
        attempt = self.attempt(command, key or self.idempotency_key(), riders)
        outcome = (await self.services.door.submit([attempt]))[0]
        if isinstance(outcome, Posted):
            return outcome
        raise _refusal(outcome)

    async def once(self, operation: str, data: Any, work: Work) -> Answer[Any]:
        """Do ``work``, which posts nothing, at most once under the request's Idempotency-Key, if it has one."""
        done = await once(
            self.services.database,
            namespace=self.principal.namespace,
            operation=operation,
            key=self.optional_key(),
            request=data,
            work=work,
        )
        return created_as(done.body, done.location or "", status=done.status, replayed=done.replayed)

    async def change(self, command: Command, riders: tuple[Rider, ...] = ()) -> Changed:
        """Carry out a command that writes no transaction, with ``riders``. Raises what it is refused with."""
        key = self.optional_key() or self.scope["request_id"]  # type: ignore[typeddict-item]
        outcome = (await self.services.door.submit([self.attempt(command, key, riders)]))[0]
        if isinstance(outcome, Changed):
            return outcome
        raise _refusal(outcome)


def _refusal(outcome: Outcome) -> Exception:
    assert isinstance(outcome, Refused), f"the book answered with {type(outcome).__name__}"
    return RefusedBefore(outcome.error) if outcome.replayed else outcome.error
