"""The couriers of webhooks. Where no key for secrets is set there are none: nothing could be signed. Events are read
all the same, or none of them would ever be forgotten."""

from ledger.parts import make_egress, make_secret_keys
from ledger.webhooks.deliveries.courier import Courier
from ledger.webhooks.deliveries.fanout import fan_out
from workers.app import app, config, process, task
from workers.standing import DRAIN_S, STINT_S, stopping

_egress = make_egress(config)
_keys = make_secret_keys(config)


@task("webhooks.deliver")
async def deliver() -> int | None:
    """Deliver events to webhook endpoints for a while, and have another go on; gives how many attempts were made."""
    at = process()
    if _keys is None:
        while (await fan_out(at.database))[1] and not stopping():
            pass
        return None
    courier = Courier(at.database, at.door, _egress, _keys, couriers=config.webhook_couriers)
    return await courier.run(STINT_S, stopping, drain_s=DRAIN_S, left=_next)


def _next() -> None:
    if not stopping():
        app.send_task("webhooks.deliver")
