"""Whether payments can work: Stripe is asked, and what it says is held against the settings.

Nothing here shows a key: of a refusal only what kind it is, and of other errors their words without the key.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

import stripe

from ledger.payments.gateway import Gateway, StripeAway, StripeRefused, plain
from ledger.payments.inbox.effects import EFFECTS
from ledger.payments.inbox.signature import TOLERANCE_S
from ledger.payments.inbox.told import major_of
from ledger.settings import Settings

PATH: Final = "/stripe/webhooks"
SKEW_S: Final = 30
"""By how much clocks may differ without a word. Beyond ``TOLERANCE_S`` no webhook is taken."""

REAL: Final = "https://api.stripe.com"


class Found(NamedTuple):
    """What was looked at, how it is (ok, warn or fail), what was seen, and what to do about it."""

    what: str
    state: str
    seen: str
    advice: str = ""


def examine(gateway: Gateway, settings: Settings) -> list[Found]:
    """All that is found, in the order in which it is shown."""

    async def collect() -> list[Found]:
        return [one async for one in _examine(gateway, settings)]

    return asyncio.run(collect())


async def _examine(gateway: Gateway, settings: Settings) -> AsyncIterator[Found]:
    try:
        balance = await gateway.call(lambda client: client.v1.balance.retrieve())
    except StripeAway as error:
        advice = "Look whether LEDGER_STRIPE_API_BASE is right and can be reached from here. Links wait meanwhile."
        yield Found("stripe", "fail", f"{gateway.base} does not answer: {_told(error, settings)}", advice)
        return
    except StripeRefused as refused:
        yield _refused("stripe", refused, settings, "read the balance")
        return
    headers: Any = balance.last_response.headers if balance.last_response else {}
    held = plain(balance)
    yield Found("stripe", "ok", f"the key works, at {gateway.base}")
    yield _mode(gateway, settings, bool(held["livemode"]))
    yield _version(headers)
    yield _clock(headers)
    yield _currency(settings, held)
    yield _secret(settings)
    try:
        endpoints: Any = await gateway.call(
            lambda client: [plain(one) for one in client.v1.webhook_endpoints.list({"limit": 100}).auto_paging_iter()]
        )
    except StripeAway as error:
        yield Found("stripe endpoint", "warn", f"cannot be asked for: {_told(error, settings)}", "Try again.")
    except StripeRefused as refused:
        one = _refused("stripe endpoint", refused, settings, "read webhook endpoints")
        yield one._replace(state="warn")
    else:
        for found in _endpoint(settings, endpoints):
            yield found


def _refused(what: str, refused: StripeRefused, settings: Settings, wanted: str) -> Found:
    if refused.status == 401:
        advice = "Set LEDGER_STRIPE_API_KEY to a secret or restricted key of the account; this one may be rolled over."
        return Found(what, "fail", "Stripe does not know the key", advice)
    if refused.status == 403:
        return Found(what, "fail", f"the key may not {wanted}", f"Give the restricted key the right to {wanted}.")
    return Found(what, "fail", f"Stripe refuses: {_told(refused, settings)}", "Look at Stripe's dashboard.")


def _mode(gateway: Gateway, settings: Settings, live: bool) -> Found:
    seen = f"{'live' if live else 'test'} mode"
    if live != gateway.live:
        return Found("stripe mode", "fail", f"{seen}, and the key says otherwise", "Set another key.")
    if live and settings.environment == "test":
        advice = "Set a test key: what LEDGER_ENVIRONMENT=test may break is somebody's money here."
        return Found("stripe mode", "fail", f"{seen}, in the environment test", advice)
    if live and gateway.base != REAL:
        advice = f"Unset LEDGER_STRIPE_API_BASE: a live key goes to {REAL} alone."
        return Found("stripe mode", "fail", f"{seen}, at {gateway.base}", advice)
    if not live and settings.environment == "production" and gateway.base == REAL:
        return Found("stripe mode", "warn", f"{seen}: no money moves", "Set a live key where customers pay.")
    return Found("stripe mode", "ok", seen)


def _version(headers: Any) -> Found:
    asked, answered = str(stripe.api_version), headers.get("Stripe-Version")
    if answered is None or major_of(answered) == major_of(asked):
        return Found("stripe version", "ok", asked)
    advice = "Somebody between here and Stripe changes requests; nothing else makes Stripe answer in another version."
    return Found("stripe version", "fail", f"asked for {asked}, answered in {answered}", advice)


def _clock(headers: Any) -> Found:
    try:
        theirs = parsedate_to_datetime(headers["Date"])
    except (KeyError, TypeError, ValueError):
        return Found("stripe clock", "warn", "Stripe's answer has no date", "Look at what stands between.")
    ahead = (datetime.now(UTC) - theirs).total_seconds()
    seen, advice = f"this clock is {ahead:+.0f} s from Stripe's", "Have the clock of this machine set (NTP)."
    if abs(ahead) > TOLERANCE_S:
        return Found("stripe clock", "fail", f"{seen}: no webhook is taken", advice)
    return Found("stripe clock", "warn", seen, advice) if abs(ahead) > SKEW_S else Found("stripe clock", "ok", seen)


def _currency(settings: Settings, balance: dict[str, Any]) -> Found:
    wanted = settings.settlement_currency
    held = sorted({part["currency"].upper() for part in [*balance["available"], *balance["pending"]]})
    if wanted in held or not held:
        return Found("stripe currency", "ok", wanted)
    advice = "Set LEDGER_SETTLEMENT_CURRENCY to what Stripe settles in: what comes in another currency is not booked."
    return Found("stripe currency", "fail", f"Stripe settles in {', '.join(held)}, not {wanted}", advice)


def _secret(settings: Settings) -> Found:
    if settings.stripe_webhook_secret is None:
        advice = "Set LEDGER_STRIPE_WEBHOOK_SECRET, or payments are only found by polling, up to a minute later."
        return Found("stripe secret", "warn", "no secret of webhooks is set", advice)
    count = settings.stripe_webhook_secret.count(",") + 1
    advice = "" if count == 1 else "Take the old ones out when Stripe has stopped signing with them."
    return Found("stripe secret", "ok", "set" if count == 1 else f"{count} are set", advice)


def _endpoint(settings: Settings, endpoints: list[dict[str, Any]]) -> Iterator[Found]:
    what = "stripe endpoint"
    if settings.public_url is None:
        advice = "Set LEDGER_PUBLIC_URL to the address at which Stripe and customers reach this service."
        yield Found(what, "warn", "LEDGER_PUBLIC_URL is not set, so it cannot be looked for", advice)
        return
    url = settings.public_url.rstrip("/") + PATH
    found = [one for one in endpoints if one["url"].rstrip("/") == url]
    if not found:
        others = ", ".join(sorted(one["url"].partition("?")[0] for one in endpoints)) or "none"
        advice = f"Make an endpoint at Stripe with the address {url}, and set its secret here."
        yield Found(what, "warn", f"Stripe tells nobody at {url} (endpoints: {others})", advice)
        return
    if all(one["status"] != "enabled" for one in found):
        yield Found(
            what, "fail", f"{url} is turned off at Stripe", "Turn it on there; the poller finds what was missed."
        )
        return
    yield Found(what, "ok", url)
    told = {name for one in found if one["status"] == "enabled" for name in one["enabled_events"]}
    missing = [] if "*" in told else sorted(EFFECTS.keys() - told)
    if missing:
        advice = "Select them at Stripe; until then the poller finds them, up to a minute later."
        yield Found("stripe events", "warn", f"not sent: {', '.join(missing)}", advice)
    else:
        yield Found("stripe events", "ok", f"all {len(EFFECTS)} that are needed")
    for one in found:
        if one["api_version"] is not None and major_of(one["api_version"]) != major_of(str(stripe.api_version)):
            seen = f"the endpoint sends {one['api_version']}, this service speaks {stripe.api_version}"
            yield Found("stripe endpoint version", "warn", seen, "Make the endpoint anew with this version.")


def _told(error: Exception, settings: Settings) -> str:
    """The words of an error, without any key in them."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    for secret in (settings.stripe_api_key, *(settings.stripe_webhook_secret or "").split(",")):
        first = first.replace(secret, "…") if secret else first
    return first
