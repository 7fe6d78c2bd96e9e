"""The steps of the control plane: method, path, what the body may say, and what is done."""

from typing import Any, Final, NamedTuple, Protocol

import msgspec

from ledger.sandbox.control import buyers, machine, money
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
    Step("GET", "/_sandbox", Nothing, machine.state),
    Step("GET", "/_sandbox/figures", Nothing, machine.figures),
    Step("GET", "/_sandbox/clock", Nothing, machine.clock),
    Step("POST", "/_sandbox/clock/advance", machine.Advance, machine.advance),
    Step("GET", "/_sandbox/config", Nothing, machine.config),
    Step("POST", "/_sandbox/config", dict[str, Any], machine.configure),
    Step("GET", "/_sandbox/faults", Nothing, machine.faults),
    Step("POST", "/_sandbox/faults", Fault, machine.add_fault),
    Step("DELETE", "/_sandbox/faults", Nothing, machine.clear_faults),
    Step("GET", "/_sandbox/mishaps", Nothing, machine.mishaps),
    Step("POST", "/_sandbox/mishaps", machine.Wanted, machine.set_mishaps),
    Step("POST", "/_sandbox/reset", Nothing, machine.reset),
    Step("POST", "/_sandbox/webhook_endpoints/{id}/roll", buyers.Roll, buyers.roll),
    Step("POST", "/_sandbox/checkout/{id}/pay", buyers.Pay, buyers.pay),
    Step("POST", "/_sandbox/charges/{id}/dispute", money.Dispute, money.dispute),
    Step("POST", "/_sandbox/disputes/{id}/resolve", money.Outcome, money.resolve),
    Step("POST", "/_sandbox/refunds/{id}", money.Refund, money.refund),
    Step("POST", "/_sandbox/payouts", Nothing, money.payout),
    Step("POST", "/_sandbox/payouts/{id}/pay", Nothing, money.pay),
    Step("POST", "/_sandbox/payouts/{id}/fail", money.Failure, money.fail),
    Step("POST", "/_sandbox/3ds/{id}", buyers.Authentication, buyers.authenticate),
)
