"""When to look for what is due. A tick is a hint: two of it do no harm, and none loses nothing.

No tick expires: that would need beat's clock and the workers' to agree. Those that gathered while no worker was there
are passed by (``at_most_every_s`` of the task).
"""

from celery.schedules import crontab

from ledger.budgets.watch import LOOK_S
from workers.app import app

DUE_S = 5.0
ROLL_S = 10.0
FORECAST_S = 5.0
REFUNDS_S = 10.0
INBOX_S = 1.0
POLL_S = 60.0
LINKS_S = 5.0
DELIVER_S = 2.0
REFILL_S = 2.0
NOTIFY_S = 2.0

app.conf.beat_schedule = {
    "book what is due": {
        "task": "book.due",
        "schedule": DUE_S,
    },
    "roll up what moved": {
        "task": "rollups.roll",
        "schedule": ROLL_S,
    },
    "make forecasts that are due": {
        "task": "forecast.make",
        "schedule": FORECAST_S,
    },
    "find wallets to forecast": {
        "task": "forecast.find",
        "schedule": crontab(hour="0", minute="40"),
    },
    "tell of credits that expire": {
        "task": "alerts.expiring",
        "schedule": crontab(minute="*/10"),
    },
    "forget old events": {
        "task": "events.forget",
        "schedule": crontab(minute="37"),
    },
    "forget old refusals": {
        "task": "book.forget_refusals",
        "schedule": crontab(minute="17"),
    },
    "seal what moved": {
        "task": "anchor.seal",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 280},
    },
    "deliver webhooks": {
        "task": "webhooks.deliver",
        "schedule": DELIVER_S,
    },
    "charge automatic refills": {
        "task": "refill.charge",
        "schedule": REFILL_S,
    },
    "send notifications": {
        "task": "notifications.send",
        "schedule": NOTIFY_S,
    },
    "forget old notifications": {
        "task": "notifications.forget",
        "schedule": crontab(hour="1", minute="50"),
    },
    "issue and end payment links": {
        "task": "payments.links",
        "schedule": LINKS_S,
    },
    "look for spikes": {
        "task": "budgets.watch",
        "schedule": float(LOOK_S),
    },
    "finish refunds": {
        "task": "payments.refunds",
        "schedule": REFUNDS_S,
    },
    "reconcile with Stripe": {
        "task": "payments.reconcile",
        "schedule": crontab(hour="4", minute="20"),
    },
    "work on what Stripe told": {
        "task": "payments.inbox",
        "schedule": INBOX_S,
    },
    "ask for what Stripe told and nobody heard": {
        "task": "payments.poll",
        "schedule": POLL_S,
    },
    "forget what Stripe told long ago": {
        "task": "payments.forget",
        "schedule": crontab(hour="1", minute="20"),
    },
    "tell of cards that expire": {
        "task": "payments.expiring",
        "schedule": crontab(hour="6", minute="30"),
    },
    "verify every book": {
        "task": "book.verify",
        "schedule": crontab(hour="3", minute="10"),
    },
}
