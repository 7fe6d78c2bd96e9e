"""What /metrics says, as Prometheus reads it."""

from collections.abc import Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.support.api import Api

PREFIX = "credit_ledger_"


async def figures(api: Api) -> dict[str, Any]:
    """Each figure by its name without the prefix; one with labels as a dict by the label's value, or by those of all in
    the order of their names. The label ``process`` is left out."""
    answer = await api.get("/metrics")
    assert 200 == answer.status_code, answer.text
    return parsed(answer.text)


def parsed(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name, labels = sample.name.removeprefix(PREFIX), _values(sample.labels)
            if not labels:
                found[name] = sample.value
            else:
                found.setdefault(name, {})[labels[0] if len(labels) == 1 else labels] = sample.value
    return found


def _values(labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(value for name, value in sorted(labels.items()) if name != "process")
