"""The background work on what Stripe tells. Where no key of Stripe's is set there is none."""

from ledger.payments.gateway import StripeAway
from ledger.payments.inbox import store
from ledger.payments.inbox.poll import poll
from ledger.payments.inbox.work import work
from ledger.refill.hear import EFFECTS
from workers.app import LIMIT_S, process, task
from workers.payments import desk


@task("payments.inbox", at_most_every_s=0.5)
async def work_on_inbox() -> int:
    """Do what Stripe's events ask for, those that are due; gives how many are done. What was begun and is not done
    is due again when the task would have been ended."""
    at = desk()
    return 0 if at is None else await work(at, lease_s=LIMIT_S, work_s=LIMIT_S / 4, effects=EFFECTS)


@task("payments.poll", at_most_every_s=30)
async def poll_events() -> int:
    """Ask Stripe for events that never came; gives how many there were."""
    at = desk()
    try:
        return 0 if at is None else await poll(at, work_s=LIMIT_S / 4)
    except StripeAway:
        return 0  # it was logged, and the next tick asks again


@task("payments.forget", at_most_every_s=600)
async def forget_events() -> int:
    """Delete events that were done long ago."""
    return await store.forget(process().database)
