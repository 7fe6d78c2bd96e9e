"""Schemathesis over the whole API: no 5xx, and every answer is what the document says."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from ledger.docs.api import document
from ledger.handlers import HANDLERS
from ledger.kit.secret_keys import new_key
from tests.support.api import make_key
from tests.support.desk import settings_of
from tests.support.sandbox import sandbox_served
from tests.support.threaded import Threaded

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
    checks.missing_required_header,
]


MAIL = {"smtp_url": "smtp://127.0.0.1:1", "mail_from": "Credits <billing@example.com>"}
"""Nobody listens there."""

app = Threaded()
schema = schemathesis.openapi.from_dict(document(HANDLERS))
schema.app = app


@pytest.fixture(scope="module")
def key(database_url: str) -> Iterator[str]:
    """An admin's key for the application, which runs in a thread of its own, and takes payments by the sandbox."""
    with (
        sandbox_served() as sandbox,
        app.started(database_url, settings_of(database_url, sandbox, secret_keys=new_key(), **MAIL)),
    ):
        yield make_key(database_url, "admin")[1]


@schema.parametrize()
@settings(
    max_examples=int(os.environ.get("SCHEMATHESIS", "12")),
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(case: Any, key: str) -> None:
    lenient = case.operation.path == "/v1/usage/batch"  # a bad item is refused by itself, in an answer of 200
    case.call_and_validate(
        checks=CHECKS,
        excluded_checks=[checks.negative_data_rejection] if lenient else [],
        headers={"Authorization": f"Bearer {key}"},
    )
