"""Receipts of charges, and invoices: as pages, and as a PDF."""

from datetime import UTC, datetime

from ledger.sandbox.engine import Engine
from ledger.sandbox.errors import Object
from ledger.sandbox.http import Answer, Request
from ledger.sandbox.pages.html import message, page, table, text
from ledger.sandbox.pages.pdf import pdf
from ledger.sandbox.rules import money


def receipt(engine: Engine, request: Request, /, *path: str) -> Answer:
    """The receipt of a charge, as things are now."""
    charge = engine.objects.find(path[0])
    if charge is None or charge["object"] != "charge":
        return message("Page not found", "There is no such receipt.", status=404)
    rows = [(charge["description"] or "Payment", money.shown(charge["amount"], charge["currency"]))]
    if charge["amount_refunded"]:
        rows.append(("Refunded", money.shown(-charge["amount_refunded"], charge["currency"])))
    rows += [("Date", _day(charge["created"])), ("Paid with", _paid_with(charge)), ("Status", charge["status"])]
    body = f"<h1>Receipt from {text(engine.config.merchant)}</h1>\n{table(rows)}"
    return page("Receipt", body)


def invoice(engine: Engine, request: Request, /, *path: str) -> Answer:
    """An invoice."""
    found = engine.objects.find(path[0])
    if found is None or found["object"] != "invoice":
        return message("Page not found", "There is no such invoice.", status=404)
    link = f'<p><a href="{text(found["invoice_pdf"])}">Download PDF</a></p>'
    return page("Invoice", f"<h1>Invoice {text(found['number'])}</h1>\n{table(_rows(found))}\n{link}")


def invoice_pdf(engine: Engine, request: Request, /, *path: str) -> Answer:
    """An invoice on paper."""
    found = engine.objects.find(path[0])
    if found is None or found["object"] != "invoice":
        return message("Page not found", "There is no such invoice.", status=404)
    head = [f"Invoice {found['number']}", f"from {found['account_name']}", ""]
    document = pdf([*head, *(f"{name}: {value}" for name, value in _rows(found))])
    named = {"Content-Disposition": f'attachment; filename="Invoice-{found["number"]}.pdf"'}
    return Answer(200, document, {"Content-Type": "application/pdf", **named})


def _rows(found: Object) -> list[tuple[str, str]]:
    lines = [
        (f"{line['description']} × {line['quantity']}", money.shown(line["amount"], found["currency"]))
        for line in found["lines"]["data"]
    ]
    tax = found["total"] - found["subtotal"]
    taxed = [("Tax", money.shown(tax, found["currency"]))] if tax else []
    who = [("Billed to", found["customer_email"])] if found["customer_email"] else []
    total = (f"Total, {found['status']}", money.shown(found["total"], found["currency"]))
    return [("Date", _day(found["created"])), *who, *lines, *taxed, total]


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def _paid_with(charge: Object) -> str:
    kind = charge["payment_method_details"]["type"]
    details = charge["payment_method_details"][kind]
    name = details["brand"].capitalize() if kind == "card" else "Bank account"
    return f"{name} ending in {details['last4']}"
