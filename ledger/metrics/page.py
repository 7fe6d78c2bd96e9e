"""The page that Prometheus reads, in its text format: figures of the database, and of the process that answers.

It is made at most once a second, whoever asks however often. Where the database cannot be read, what the process knows
is shown with ``credit_ledger_up 0``, and none of its figures: an old one would say that all is well.
"""

import asyncio
import os
import time
from collections.abc import Iterator, Mapping
from itertools import accumulate, groupby
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ledger import __version__
from ledger.kit.db import Database, is_unavailable
from ledger.kit.http.served import BOUNDS_S, Answers, Served
from ledger.kit.metrics import Metric
from ledger.metrics.read import Figures, read
from ledger.metrics.table import METRICS

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4.encode()
FRESH_S: Final = 1.0
SLOW_S: Final = 60.0
"""For how long a page is shown again, and for how long a figure that is slow to read."""

OWN: Final = {
    "credit_ledger_up": "1 where the database could be read; 0 where it could not, and no figure of it is shown.",
    "credit_ledger_build_info": "1, with the version of the process that answers.",
    "credit_ledger_http_requests_total": "Requests that the process has answered, by method, route and status; both are"
    " empty where no route was found: an unknown path, or no valid API key. The label process is its number: of"
    " several processes behind one port each shows its own.",
    "credit_ledger_http_request_duration_seconds": "How long these took, from the request's head until the answer was"
    " handed over whole.",
}
"""Figures that are not read from the database, and what they say."""


class Page:
    """The page of one process."""

    def __init__(self, database: Database, served: Served) -> None:
        self._database = database
        self._served = served
        self._process = ProcessCollector(registry=None)
        self._turn = asyncio.Lock()
        self._made_at = float("-inf")
        self._text = b""
        self._slow: Figures = {}
        self._slow_at = float("-inf")

    async def text(self) -> bytes:
        """The page as it is now, or was up to FRESH_S ago. Who comes while it is made waits for it."""
        async with self._turn:
            if time.monotonic() - self._made_at >= FRESH_S:
                figures = await self._figures()
                registry = CollectorRegistry(auto_describe=False)
                registry.register(_Shown([*self._families(figures), *self._process.collect()]))
                self._text = generate_latest(registry)
                self._made_at = time.monotonic()
            return self._text

    async def _figures(self) -> Figures | None:
        """None where the database cannot be read."""
        again = time.monotonic() - self._slow_at >= SLOW_S
        try:
            found = await read(self._database, [metric for metric in METRICS if again or not metric.slow])
        except (DBAPIError, PoolTimeout, OSError) as error:
            (log.warning if is_unavailable(error) else log.error)("metrics.not_read", error=str(error))
            return None
        if again:
            self._slow = {metric.name: found[metric.name] for metric in METRICS if metric.slow}
            self._slow_at = time.monotonic()
        return {**self._slow, **found}

    def _families(self, figures: Figures | None) -> Iterator[Family]:
        yield GaugeMetricFamily(name := "credit_ledger_up", OWN[name], value=figures is not None)
        build = GaugeMetricFamily(name := "credit_ledger_build_info", OWN[name], labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        if figures is not None:
            for metric in METRICS:
                yield _family(metric, figures[metric.name])
        yield from _http(list(self._served.answers()))


class _Shown(Collector):
    """Families that are made already, for the library's exposition."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> list[Family]:
        return self._families


def _family(metric: Metric, figures: Mapping[str, float]) -> Family:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=[] if metric.label is None else [metric.label])
    for label, value in figures.items():
        family.add_metric([] if metric.label is None else [label], value)
    return family


def _http(answers: list[Answers]) -> Iterator[Family]:
    process = str(os.getpid())
    labels = ["process", "method", "route"]
    requests = CounterMetricFamily(name := "credit_ledger_http_requests_total", OWN[name], labels=[*labels, "status"])
    for one in answers:
        requests.add_metric([process, one.method, one.route, str(one.status)], sum(one.counts))
    yield requests
    took = HistogramMetricFamily(name := "credit_ledger_http_request_duration_seconds", OWN[name], labels=labels)
    for (method, route), group in groupby(answers, key=lambda one: (one.method, one.route)):
        rows = list(group)
        counts = accumulate(map(sum, zip(*(one.counts for one in rows), strict=True)))
        buckets = zip([*map(str, BOUNDS_S), "+Inf"], counts, strict=True)
        took.add_metric([process, method, route], list(buckets), sum(one.total_s for one in rows))
    yield took
