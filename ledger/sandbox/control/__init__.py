"""How the simulation is steered, under ``/_sim``: JSON or a form in, JSON out, no key, nothing of it Stripe's."""

from typing import Any, Final

import msgspec

from ledger.sandbox import codec
from ledger.sandbox.control.routes import STEPS, Step
from ledger.sandbox.control.stage import Stage
from ledger.sandbox.engine import Engine
from ledger.sandbox.errors import StripeError
from ledger.sandbox.faults import Faults
from ledger.sandbox.http import Answer, Request, wanted
from ledger.sandbox.router import Router

_JSON: Final = {"Content-Type": "application/json"}


class Control:
    """Answers requests under ``/_sim``."""

    def __init__(self, engine: Engine, faults: Faults) -> None:
        self._stage = Stage(engine, faults)
        self._router: Router[Step] = Router(STEPS)

    def answer(self, request: Request) -> Answer:
        found = self._router.find(request.method, request.path)
        if found is None:
            return _said(404, {"error": f"there is no {request.method} {request.path}"})
        step, path = found
        try:
            return _said(200, step.work(self._stage, wanted(request, step.body), *path))
        except msgspec.MsgspecError as error:
            return _said(400, {"error": str(error)})
        except StripeError as error:
            return _said(error.status, {"error": str(error)})


def _said(status: int, answer: Any) -> Answer:
    return Answer(status, codec.encode(msgspec.to_builtins(answer)), _JSON)
