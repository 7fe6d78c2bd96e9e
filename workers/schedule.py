"""When to look for what is due. A tick is a hint: two of it do no harm, and none loses nothing.

A tick that was not taken before the next one is due expires, so that a worker that was away is not flooded.
"""

from celery.schedules import crontab

from workers.app import app

RELAY_S = 1.0
DUE_S = 5.0

app.conf.beat_schedule = {
    "relay the outbox": {
        "task": "outbox.relay",
        "schedule": RELAY_S,
        "options": {"expires": 5},
    },
    "book what is due": {
        "task": "book.due",
        "schedule": DUE_S,
        "options": {"expires": 10},
    },
    "forget old refusals": {
        "task": "book.forget_refusals",
        "schedule": crontab(minute="17"),
        "options": {"expires": 600},
    },
    "seal what moved": {
        "task": "anchor.seal",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 280},
    },
    "verify every book": {
        "task": "book.verify",
        "schedule": crontab(hour="3", minute="10"),
        "options": {"expires": 3600},
    },
}
