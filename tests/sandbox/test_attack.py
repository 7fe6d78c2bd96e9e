"""Whatever is sent, the answer is one that Stripe could give: an error that says why, and never a failure of our own."""

import json
import threading
import time
import uuid
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
import stripe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.sandbox import codec, params
from ledger.sandbox.errors import StripeError
from ledger.sandbox.routes import ROUTES, Route
from tests.contract.stripe.operations import find
from tests.sandbox.asking import refused
from tests.sandbox.making import Maker, value
from tests.support.sandbox import KEY, SandboxAt

HOSTILE = (
    *("", " ", "0", "-1", "1e9", "NaN", "Infinity", "1.5", "true", "null", "[]", "{}", "\0", "\ud7ff", "x" * 5001),
    *(str(2**63), "9" * 19, "9" * 400, "٣", "' OR 1=1 --", "../../etc/passwd", "<script>", "pm_card_visa", "%00"),
    *("http://[", "https://x:99999999", "2" * 18, "-" + "9" * 18, "usd", "USD", "cus_x"),
)
"""What no parameter, or hardly one, expects."""
STRANGE = (
    "",
    "[",
    "]",
    "a[",
    "a]b",
    "a[b",
    "[0]",
    "a[][b]",
    "a[0][1][2]" + "[x]" * 20,
    "__class__",
    "é",
    "_",
    "expand",
)
"""Names that are none."""


@pytest.fixture(scope="module")
def maker(_served: SandboxAt | None) -> Maker:
    if _served is None:
        pytest.skip("Stripe is not attacked")
    return Maker(_served.client(), _served)


@pytest.fixture(scope="module")
def paths(maker: Maker) -> dict[str, str]:
    """Each route, by its method and path, with an id of something that is there."""
    return {f"{route.method} {route.path}": maker.path(route.path) for route in ROUTES}


def pairs(name: str, said: Any) -> list[tuple[str, str]]:
    """A value as fields of a form."""
    if isinstance(said, dict):
        return [pair for inner, one in said.items() for pair in pairs(f"{name}[{inner}]", one)]
    if isinstance(said, list):
        return [pair for place, one in enumerate(said) for pair in pairs(f"{name}[{place}]", one)]
    return [(name, str(said).lower() if isinstance(said, bool) else str(said))]


@st.composite
def forms(draw: st.DrawFn, route: Route) -> list[tuple[str, str]]:
    """Parameters of a route, some of them spoilt, and some that it has not."""
    operation = find(route.method, route.path.replace("{id}", "x"))
    assert operation is not None
    known = operation.request["properties"]
    chosen = draw(st.lists(st.sampled_from(sorted(known)), unique=True, max_size=6)) if known else []
    form = [
        pair for name in {*chosen, *operation.request["required"]} for pair in pairs(name, value(name, known[name]))
    ]
    spoilt = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12), st.integers().map(str))
    for place in range(len(form)):
        name = form[place][0]
        if draw(st.integers(0, 2)) == 0:
            form[place] = (draw(st.sampled_from([name, f"{name}[x]", name.partition("[")[0]])), draw(spoilt))
    return form + draw(st.lists(st.tuples(st.sampled_from(STRANGE), spoilt), max_size=1 if draw(st.booleans()) else 0))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(data=st.data(), route=st.sampled_from(ROUTES))
def test_any_parameters_are_answered(maker: Maker, paths: dict[str, str], data: st.DataObject, route: Route) -> None:
    """Taken, or refused as Stripe refuses: with JSON that has a type and a message."""
    form = data.draw(forms(route))
    said = [
        (name, one) for name, said in maker.params(route.method, route.path).items() for name, one in pairs(name, said)
    ]
    form = [*said, *form] if data.draw(st.booleans()) else form
    path = paths[f"{route.method} {route.path}"]
    judged(maker, route.method, path, urlencode(form, errors="replace").encode())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))))
def test_any_bytes_are_answered(maker: Maker, body: bytes) -> None:
    judged(maker, "POST", "/v1/payment_intents", body)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(named=st.text(max_size=30), route=st.sampled_from([route for route in ROUTES if "{id}" in route.path]))
def test_any_id_is_answered(maker: Maker, named: str, route: Route) -> None:
    """It is not there, and no other endpoint is reached by it."""
    answer = judged(maker, route.method, route.path.replace("{id}", quote(named, safe="", errors="replace")), b"")
    assert answer.status_code in (200, 400, 404)


def judged(maker: Maker, method: str, path: str, form: bytes) -> httpx.Response:
    """The answer, which is JSON, and an error only of the caller's."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/x-www-form-urlencoded"}
    url, body = f"{maker.at.base}{path}", form
    if method != "POST":
        url, body = f"{url}?{quote(form, safe='&=%+')}", b""
    answer = httpx.request(method, url, content=body, headers=headers)
    shown = f"{method} {path} {form!r}: {answer.status_code} {answer.text[:300]}"
    assert answer.status_code in (200, 400, 402, 404, 429), shown
    told = answer.json()
    if answer.status_code != 200:
        assert told["error"]["type"] in ("invalid_request_error", "card_error"), shown
        assert told["error"]["message"], shown
    return answer


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_parameter_is_read_or_refused(route: Route) -> None:
    """Each on its own, with all that it hardly expects: what was read fits into JSON and into the database."""
    operation = find(route.method, route.path.replace("{id}", "x"))
    assert operation is not None
    fields = {name: pairs(name, value(name, schema)) for name, schema in operation.request["properties"].items()}
    for name, own in fields.items():
        required = [pair for other in operation.request["required"] if other != name for pair in fields[other]]
        leaves = [leaf for leaf, _ in own[:20]]
        for leaf in (name, f"{name}[0]", f"{name}[x]", f"{name}[{'9' * 5000}]", *leaves):
            for said in HOSTILE:
                try:
                    read = params.read(route.params, codec.decode(urlencode([*required, (leaf, said)])))
                except StripeError as error:
                    assert error.status == 400, (leaf, said)
                else:
                    json.dumps(read, allow_nan=False)
                    assert all(abs(one) < 2**63 for one in numbers(read)), (leaf, said)


def numbers(read: Any) -> list[int]:
    """All whole numbers in what was read."""
    if isinstance(read, dict):
        return [one for inner in read.values() for one in numbers(inner)]
    if isinstance(read, list):
        return [one for inner in read for one in numbers(inner)]
    return [read] if isinstance(read, int) else []


def test_nothing_is_replaced_by_a_name_that_is_taken(client: stripe.StripeClient, customer: str) -> None:
    """A product may choose its id, but not that of something else."""
    error = refused(lambda: client.v1.products.create({"id": customer, "name": "x"}))
    assert ("resource_already_exists", "id") == (error.code, error.param)
    assert "customer" == client.v1.customers.retrieve(customer).object


def test_what_is_hidden_cannot_be_expanded(sandbox: SandboxAt) -> None:
    answer = httpx.get(
        f"{sandbox.base}/v1/payment_methods/pm_card_visa",
        params={"expand[]": "_.number"},
        headers={"Authorization": f"Bearer {KEY}"},
    )
    assert (400, "This property cannot be expanded (_.number).") == (
        answer.status_code,
        answer.json()["error"]["message"],
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"a=" + b"x" * 2**21, 413),
        (b"&".join(b"a%d=1" % n for n in range(5000)), 400),
        (b'{"amount": 100}', 400),
        (b"amount=100&amount=200&currency=usd", 200),
        (b"amount[]=1&currency=usd", 400),
        (b"metadata[a]=1&metadata=x&amount=100&currency=usd", 400),
        (b"metadata=x&metadata[a]=1&amount=100&currency=usd", 400),
    ],
    ids=["too long", "too many", "JSON", "twice", "a list", "an object, then not", "not an object, then one"],
)
def test_hostile_bodies_are_refused(sandbox: SandboxAt, body: bytes, status: int) -> None:
    answer = httpx.post(
        f"{sandbox.base}/v1/payment_intents", content=body, headers={"Authorization": f"Bearer {KEY}"}, timeout=20
    )
    assert status == answer.status_code, answer.text


@pytest.mark.parametrize("limit", ["0", "-1", "101", str(2**70), "ten", "", "1.5"])
@pytest.mark.parametrize(
    "route", [one for one in ROUTES if one.handler.__module__.endswith("listing")], ids=lambda r: r.path
)
def test_limits_of_lists_are_checked(sandbox: SandboxAt, route: Route, limit: str) -> None:
    error = httpx.get(
        f"{sandbox.base}{route.path}", params={"limit": limit}, headers={"Authorization": f"Bearer {KEY}"}
    ).json()["error"]
    assert ("invalid_request_error", "limit") == (error["type"], error["param"])


@pytest.mark.parametrize("cursor", ["starting_after", "ending_before"])
@pytest.mark.parametrize(
    "path", ["/v1/customers/{}/payment_methods", "/v1/payment_methods", "/v1/customers", "/v1/events"]
)
def test_cursors_that_are_not_there_are_refused(
    client: stripe.StripeClient, customer: str, path: str, cursor: str
) -> None:
    """Of no object, of another kind, and two at once."""
    for wanted in ("x", customer) if path != "/v1/customers" else ("x",):
        with pytest.raises(stripe.InvalidRequestError) as raised:
            client.raw_request(
                "get",
                path.format(customer),
                **{cursor: wanted, "customer": customer} if path == "/v1/payment_methods" else {cursor: wanted},
            )
        assert ("resource_missing", cursor) == (raised.value.code, raised.value.param)


def test_many_requests_with_one_key_are_one(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """All at once: each gets the first answer, or is told that the first is being done; and it is done once."""
    key, email, found = uuid.uuid4().hex, f"{uuid.uuid4().hex}@example.com", []
    gate = threading.Barrier(12)
    sandbox.tell("/faults", kind="slow", path="/v1/customers", method="POST", delay_s=0.2)

    def ask() -> None:
        own = sandbox.client(retries=0)
        gate.wait()
        try:
            found.append(own.v1.customers.create({"email": email}, {"idempotency_key": key}).id)
        except stripe.APIError as error:
            assert (409, "idempotency_key_in_use") == (error.http_status, error.error.code)  # type: ignore[union-attr]
            time.sleep(0.3)
            found.append(own.v1.customers.create({"email": email}, {"idempotency_key": key}).id)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [found[0]] * 12
    assert 1 == len(client.v1.customers.list({"email": email}).data)
