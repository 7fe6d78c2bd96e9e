"""The steps of the control plane: method, path, what the body may say, and what is done."""

from typing import Any, Final, NamedTuple, Protocol

import msgspec

from ledger.sandbox.control import banks, machine, webhooks
from ledger.sandbox.control.stage import Stage
from ledger.sandbox.faults import Fault


class Work(Protocol):
    """The code of a step."""

    def __call__(self, stage: Stage, wanted: Any, /, *path: str) -> Any: ...


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """A body that says nothing."""


class Step(NamedTuple):
    """A row of the table."""

    method: str
    path: str
    body: Any
    work: Work


STEPS: Final = (
    Step("GET", "/_sim", Nothing, machine.state),
    Step("GET", "/_sim/money", Nothing, machine.money),
    Step("GET", "/_sim/clock", Nothing, machine.clock),
    Step("POST", "/_sim/clock", machine.Advance, machine.advance),
    Step("GET", "/_sim/config", Nothing, machine.config),
    Step("POST", "/_sim/config", dict[str, Any], machine.configure),
    Step("GET", "/_sim/faults", Nothing, machine.faults),
    Step("POST", "/_sim/faults", Fault, machine.add_fault),
    Step("DELETE", "/_sim/faults", Nothing, machine.clear_faults),
    Step("POST", "/_sim/reset", Nothing, machine.reset),
    Step("GET", "/_sim/webhooks", Nothing, webhooks.mishaps),
    Step("POST", "/_sim/webhooks", webhooks.Wanted, webhooks.set_mishaps),
    Step("POST", "/_sim/webhook-endpoint", webhooks.Endpoint, webhooks.endpoint),
    Step("POST", "/_sim/webhook-endpoint/{id}/roll", webhooks.Roll, webhooks.roll),
    Step("POST", "/_sim/3ds/{id}", banks.Authentication, banks.authenticate),
    Step("POST", "/_sim/dispute/{id}", banks.Dispute, banks.dispute),
    Step("POST", "/_sim/refund/{id}", banks.Refund, banks.refund),
    Step("POST", "/_sim/payout", banks.Payout, banks.pay_out),
    Step("POST", "/_sim/payout/{id}", banks.Payout, banks.payout),
)
