"""How a process is put together: the database as settings say, and a door with every participant.

The API and the workers are two ways into the same service, so they are made of the same parts.
"""

from ledger.alerts.participant import BalanceLevels
from ledger.book.door import Door
from ledger.book.participants import Participant
from ledger.book.telling import BookEvents
from ledger.budgets.participant import BudgetGuard
from ledger.kit import failpoints, key_file
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.egress.client import Egress
from ledger.kit.secret_keys import SecretKeys, keys_of
from ledger.payments.gateway import Gateway
from ledger.payments.participant import PaymentEvents
from ledger.rates.participant import Pricing
from ledger.rates.service import Cards
from ledger.refill.participant import AutoRefill
from ledger.settings import Settings, SettingsError, variable


def make_database(config: Settings, name: str, *, pool_size: int | None = None) -> Database:
    """The database, worked with as the service's role; ``name`` is how it shows in pg_stat_activity."""
    return Database(
        config.database,
        pool_size=pool_size or config.db_pool_size,
        statement_timeout_ms=config.statement_timeout_ms,
        lock_timeout_ms=config.lock_timeout_ms,
        idle_in_transaction_timeout_ms=config.idle_in_transaction_timeout_ms,
        role=SERVICE_ROLE,
        application_name=name,
    )


def participants(cards: Cards) -> list[Participant]:
    """The concepts that take part in every posting, in this order."""
    return [BookEvents(), BalanceLevels(), Pricing(cards), BudgetGuard(), PaymentEvents(), AutoRefill()]


def make_door(database: Database, config: Settings, cards: Cards | None = None) -> Door:
    """The door for changes of balances, not yet started. Sets the failpoints of this process, where a test asks.

    ``cards``: the rate card that the process prices by; one of the door's own where nobody else needs it.
    """
    failpoints.arm(config.failpoints)
    taking_part = participants(cards or Cards(database, config.rates))
    return Door(database, participants=taking_part, batch_max=config.batch_commands_max)


def make_gateway(config: Settings) -> Gateway | None:
    """The way to Stripe; None where no key is set."""
    return None if config.stripe_api_key is None else Gateway(config.stripe_api_key, config.stripe_api_base)


def make_egress(config: Settings) -> Egress:
    """The way out to addresses that users gave.

    Raises:
        SettingsError: what an operator has set for it cannot be read.
    """
    try:
        return Egress.read(allow=config.egress_allow, proxy=config.egress_proxy, ca_file=config.egress_ca_file)
    except OSError as error:
        raise SettingsError(f"{variable('egress_ca_file')}: {error}") from error


def make_secret_keys(config: Settings) -> SecretKeys | None:
    """The keys that secrets in the database are encrypted with; None where none are set.

    Raises:
        SettingsError: their file cannot be read, or holds something else. The message shows nothing of it.
    """
    if config.secret_keys is None:
        return None
    try:
        return keys_of(key_file.held_by(config.secret_keys))
    except ValueError as error:
        raise SettingsError(
            f"{variable('secret_keys')}: {error}. `credit-ledger secrets keygen` makes a key."
        ) from error
