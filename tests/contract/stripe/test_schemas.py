"""Schemas of all that we use are made quickly, are schemas, and fit what Stripe says."""

import time
from typing import Any

import jsonschema
import jsonschema_rs
import pytest

from tests.contract.stripe import rules, schemas, sources
from tests.contract.stripe.more_samples import SAMPLES
from tests.contract.stripe.samples import CUSTOMER, PAYMENT_INTENT, REFUND, error, page
from tests.contract.stripe.validate import problems

SECONDS_MAX = 2


def whole() -> dict[str, Any]:
    """Everything that our resources reach, and errors."""
    return schemas.document({"anyOf": [*map(schemas.of_resource, SAMPLES), schemas.of_error()]})


def test_all_schemas_are_made_in_two_seconds() -> None:
    """From nothing: every class that ours can reach. Counted in time of the processor, as machines are busy."""
    sources.read.cache_clear()
    schemas.lookup.cache_clear()
    began = time.process_time()
    assert len(whole()["$defs"]) > 1000
    assert time.process_time() - began < SECONDS_MAX


@pytest.mark.parametrize("name", SAMPLES)
def test_schemas_are_schemas(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schemas.lookup(schemas.of_resource(name)["$ref"]))


@pytest.mark.parametrize("name", SAMPLES)
def test_what_stripe_says_is_right(name: str) -> None:
    assert [] == problems(SAMPLES[name], schemas.of_resource(name), expand=())


def test_another_validator_agrees() -> None:
    """The documents are ordinary JSON Schema, so that the looking up of references here is not all there is."""
    document = whole()
    other = jsonschema_rs.Draft202012Validator(document)
    assert [] == [name for name, sample in SAMPLES.items() if not other.is_valid(sample)]
    invented = [sample | {"invented": 1} for sample in SAMPLES.values()]
    assert [] == [each["object"] for each in invented if other.is_valid(each)]


def test_a_page_of_a_list() -> None:
    schema = {"$ref": schemas.of_resource("charge")["$ref"]}
    charge = SAMPLES["charge"] | {"refunds": page("/v1/charges/ch_1/refunds", REFUND)}
    assert [] == problems(charge, schema)
    charge["refunds"] = page("/v1/charges/ch_1/refunds", REFUND | {"receipt_number": 1})
    assert ["refunds.data.0.receipt_number: 1 is not string or null"] == list(map(str, problems(charge, schema)))


def test_what_was_deleted_is_its_id_alone() -> None:
    gone = {"id": CUSTOMER["id"], "object": "customer", "deleted": True}
    assert [] == problems(gone, schemas.of_resource("customer"))
    assert ["email: the API knows no such field"] == [
        str(each) for each in problems(gone | {"email": None}, schemas.of_resource("customer"))
    ]
    assert problems(CUSTOMER | {"deleted": False}, schemas.of_resource("customer"))


def test_an_expandable_field_is_an_id_or_the_object_as_was_asked() -> None:
    schema = schemas.of_resource("payment_intent")
    expanded = PAYMENT_INTENT | {"latest_charge": SAMPLES["charge"]}
    assert [] == problems(expanded, schema, expand=["latest_charge"])
    assert ["latest_charge: the object, where only its id was asked for"] == [
        str(each) for each in problems(expanded, schema, expand=[])
    ]
    assert ["latest_charge: the id, where the object was asked for"] == [
        str(each) for each in problems(PAYMENT_INTENT, schema, expand=["latest_charge.balance_transaction"])
    ]


def test_errors_leave_out_what_they_have_not() -> None:
    assert [] == problems(error("invalid_request_error", code="resource_missing", param="customer"), schemas.of_error())
    assert {"error.param", "error.code", "error.type"} == {
        each.path for each in problems(error("oops", code="no_such_code", param=None), schemas.of_error())
    }


def test_the_codes_of_errors_are_known() -> None:
    needed = {"parameter_unknown", "parameter_missing", "resource_missing", "idempotency_key_in_use", "rate_limit"}
    assert needed | {"payment_method_types_no_longer_supported", "charge_already_refunded"} <= set(rules.error_codes())
