"""Payment links: an address that opens a new session at every visit, until it is switched off or used up."""

from typing import Any, Final

from ledger.sandbox.errors import Object, invalid
from ledger.sandbox.ids import letters
from ledger.sandbox.resources import catalog, intents
from ledger.sandbox.resources.common import Params, applied, updated
from ledger.sandbox.resources.listing import paged
from ledger.sandbox.rules.changes import merged
from ledger.sandbox.rules.checkout import require_sold
from ledger.sandbox.shapes import selling
from ledger.sandbox.world import World

_FIXED: Final = (
    "restrictions",
    "automatic_tax",
    "currency",
    "custom_fields",
    "after_completion",
    "payment_intent_data",
    "line_items",
)
_LINES_MAX: Final = 20


def create(world: World, params: Params, /, *path: str) -> Object:
    """A new link."""
    require_sold(params)
    _require_types(params)
    items = params["line_items"]
    if len(items) > _LINES_MAX:
        raise invalid(f"You can have at most {_LINES_MAX} line items.", param="line_items")
    taxed = bool((params.get("automatic_tax") or {}).get("enabled"))
    lines = catalog.lines_of(world, items, taxed=taxed)
    hidden = {"lines": lines, "items": [{"price": line["price"]["id"], "quantity": line["quantity"]} for line in lines]}
    link = selling.payment_link(
        world.now, currency=lines[0]["currency"], url=f"{world.base}/pl/test_{letters(20)}", _=hidden
    )
    link.update(applied(link, params, *_FIXED))
    link["automatic_tax"] = {"enabled": taxed, "liability": {"type": "self"} if taxed else None}
    link.update(_nested(link, params))
    return world.add(link, "payment_link.created")


def update(world: World, params: Params, /, *path: str) -> Object:
    """The link with changes; sessions that it has opened stay as they are."""
    require_sold(params)
    _require_types(params)
    link = world.get("payment_link", path[0])
    link.update(_nested(link, params))
    rest = {name: value for name, value in params.items() if name not in _FIXED}
    updated(world, link, rest, None)
    world.emit("payment_link.updated", link)
    return link


def line_items(world: World, params: Params, /, *path: str) -> Object:
    """What is sold."""
    link = world.get("payment_link", path[0])
    return paged(link["_"]["lines"], f"/v1/payment_links/{path[0]}/line_items", params, "item")


def count(world: World, session: Object) -> None:
    """One more session of its link is completed."""
    if session["payment_link"] is None:
        return
    link = world.get("payment_link", session["payment_link"])
    if link["restrictions"] is not None:
        completed = link["restrictions"]["completed_sessions"]
        more = {"completed_sessions": {**completed, "count": completed["count"] + 1}}
        world.change(link, restrictions=more)


def is_open(link: Object) -> bool:
    """Whether a visit opens a session."""
    restrictions = link["restrictions"]
    used_up = restrictions is not None and _used_up(restrictions["completed_sessions"])
    return bool(link["active"]) and not used_up


def asked(link: Object) -> Params:
    """The parameters of a session that a visit opens."""
    after = link["after_completion"]
    there = after["redirect"]["url"] if after["type"] == "redirect" else f"{link['url']}/thanks"
    asked: Params = {
        "mode": "payment",
        "line_items": link["_"]["items"],
        "metadata": link["metadata"],
        "success_url": there,
        "customer_creation": link["customer_creation"],
        "automatic_tax": {"enabled": link["automatic_tax"]["enabled"]},
    }
    for name in ("payment_intent_data", "invoice_creation"):
        if link["_"].get(name):
            asked[name] = link["_"][name]
    if link["payment_method_types"]:
        asked["allowed_payment_method_types"] = link["payment_method_types"]
    return asked


def _require_types(params: Params) -> None:
    """Raises StripeError where nobody could pay."""
    intents.taken({"allowed_payment_method_types": params.get("payment_method_types")})


def _used_up(completed: Object) -> bool:
    return bool(completed["count"] >= completed["limit"])


def _nested(link: Object, params: Params) -> dict[str, Any]:
    """Members that are not what the parameter of their name is."""
    found: dict[str, Any] = {}
    if "restrictions" in params:
        limit = (params["restrictions"] or {}).get("completed_sessions", {}).get("limit")
        found["restrictions"] = limit and {"completed_sessions": {"count": 0, "limit": limit}}
    if "after_completion" in params:
        kind = params["after_completion"]["type"]
        found["after_completion"] = {
            "type": kind,
            kind: params["after_completion"].get(kind) or {"custom_message": None},
        }
    if "payment_intent_data" in params:
        plain = dict.fromkeys(
            (
                "capture_method",
                "description",
                "setup_future_usage",
                "statement_descriptor",
                "statement_descriptor_suffix",
            )
        )
        data = {**plain, "transfer_group": None, "metadata": {}, **merged({}, params["payment_intent_data"])}
        found["payment_intent_data"] = data
        link["_"]["payment_intent_data"] = params["payment_intent_data"]
    if "custom_fields" in params:
        found["custom_fields"] = selling.custom_fields(params)
    if "invoice_creation" in params:
        link["_"]["invoice_creation"] = params["invoice_creation"]
    return found
