"""Charging automatic refills. Where no key of Stripe's is set there are none."""

from ledger.refill.charge.charger import Charger
from workers.app import app, task
from workers.payments import desk
from workers.standing import DRAIN_S, STINT_S, stopping


@task("refill.charge")
async def charge() -> int | None:
    """Charge what is due for a while, then have another go on; gives how many steps were made."""
    at = desk()
    if at is None:
        return None
    return await Charger(at).run(STINT_S, stopping, drain_s=DRAIN_S, left=_next)


def _next() -> None:
    if not stopping():
        app.send_task("refill.charge")
