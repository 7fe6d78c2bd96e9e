"""The pages for buyers. They need no JavaScript: every one works in a browser and with curl."""

from typing import Final, NamedTuple, Protocol

from ledger.sandbox.engine import Engine
from ledger.sandbox.http import Answer, Request
from ledger.sandbox.pages import authentication, buyer, checkout, links, papers, portal
from ledger.sandbox.pages.html import message
from ledger.sandbox.router import Router


class Page(Protocol):
    """The code of a page: the simulation, the request, and what stands in the path."""

    def __call__(self, engine: Engine, request: Request, /, *path: str) -> Answer: ...


class Place(NamedTuple):
    """A page."""

    method: str
    path: str
    page: Page


PLACES: Final = (
    Place("GET", "/c/pay/{session}", checkout.show),
    Place("POST", "/c/pay/{session}", checkout.submit),
    Place("GET", "/_sim/pay/{session}", buyer.show),
    Place("POST", "/_sim/pay/{session}", buyer.submit),
    Place("GET", "/c/recover/{session}/{token}", links.recover),
    Place("GET", "/3ds/{intent}", authentication.show),
    Place("POST", "/3ds/{intent}", authentication.submit),
    Place("GET", "/pl/{code}", links.visit),
    Place("GET", "/pl/{code}/thanks", links.thanks),
    Place("GET", "/p/session/{code}", portal.show),
    Place("POST", "/p/session/{code}", portal.submit),
    Place("GET", "/receipts/{charge}", papers.receipt),
    Place("GET", "/invoices/{invoice}", papers.invoice),
    Place("GET", "/invoices/{invoice}/pdf", papers.invoice_pdf),
)


class Pages:
    """Answers requests for pages."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._router: Router[Place] = Router(PLACES)

    def answer(self, request: Request) -> Answer:
        found = self._router.find(request.method, request.path)
        if found is None:
            return message(
                "Nothing here", "This is the sandbox of a payment service. There is no such page.", status=404
            )
        place, path = found
        return place.page(self._engine, request, *path)
