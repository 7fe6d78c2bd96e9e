"""The OpenAPI document: whole, valid, and true to its examples."""

from functools import cache
from typing import Any

import jsonschema
import pytest

from ledger.docs.api import document
from ledger.errors import leaves
from ledger.handlers import HANDLERS
from ledger.kit.http.describe import PROBLEMS

REQUESTS = (
    "NewWallet",
    "WalletChange",
    "NewBudget",
    "BudgetChange",
    "Grant",
    "Adjustment",
    "UsageEvent",
    "UsageBatch",
    "BatchItem",
    "NewHold",
    "NewMeter",
    "NewPrice",
    "NewSetup",
    "NewEndpoint",
    "EndpointChange",
    "NewSecret",
    "Simulation",
)


@cache
def described() -> dict[str, Any]:
    return document(HANDLERS)


def operations() -> list[tuple[str, dict[str, Any]]]:
    return [
        (operation["operationId"], operation)
        for methods in described()["paths"].values()
        for operation in methods.values()
    ]


def check(value: Any, schema: dict[str, Any]) -> None:
    """The value is what the schema says."""
    whole = schema | {"components": described()["components"]}
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(whole, format_checker=checker).validate(value)


def test_every_route_is_described() -> None:
    served = {
        (path.replace(":str}", "}"), method.lower())
        for handler in HANDLERS
        for path in handler.paths
        for method in handler.http_methods
        if not handler.opt.get("hidden")
    }
    shown = {(path, method) for path, methods in described()["paths"].items() for method in methods}
    assert shown == served


def test_schemas_are_schemas() -> None:
    for schema in described()["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_operation_names_are_unique() -> None:
    names = [name for name, _ in operations()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("name", "operation"), operations(), ids=[name for name, _ in operations()])
def test_operations_are_whole(name: str, operation: dict[str, Any]) -> None:
    """A summary, an example of the answer and of the body, both as their schemas say; problems for what can fail."""
    assert operation["summary"] and operation["description"]
    ((kind, answer),) = next(iter(operation["responses"].values()))["content"].items()
    if kind == "application/json":  # a file needs none
        check(answer["example"], answer["schema"])
    if "requestBody" in operation:
        body = operation["requestBody"]["content"]["application/json"]
        check(body["example"], body["schema"])
    problems = [status for status in operation["responses"] if int(status) >= 400]
    assert {"400", "500", "503"} <= set(problems)
    for status in problems:
        assert list(operation["responses"][status]["content"]) == ["application/problem+json"]


def test_unknown_fields_are_said_to_be_refused() -> None:
    schemas = described()["components"]["schemas"]
    assert all(schemas[name]["additionalProperties"] is False for name in REQUESTS)


def test_every_status_of_an_error_is_described() -> None:
    """But 405 and 429, which are answers to no operation of the document."""
    assert {leaf.status for leaf in leaves()} - set(PROBLEMS) == {405, 429}
