"""Prometheus metrics: all of them are rows of TABLE, which the documentation is tested against.

Counters of several workers meet in files in PROMETHEUS_MULTIPROC_DIR (gunicorn.conf.py sets it, on tmpfs):
counters kept in each worker would jump back and forth with the worker that answers the scrape. Sessions are
not counted here: the store is asked at each scrape, so every worker gives the same answer.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from session_api.counts.counts import Counts, report_age
from session_api.errors import SetupError
from session_api.state.state import State
from session_api.stores.records import Census
from session_api.stores.store import StoreError

BUCKETS = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 5)  # seconds


class Description(NamedTuple):
    """What a metric is, for Prometheus and for its readers."""

    kind: Literal["counter", "histogram", "gauge"]
    help: str
    labels: tuple[str, ...] = ()


TABLE = {
    "bgctl_api_requests_total": Description("counter", "Requests answered.", ("route", "method", "status")),
    "bgctl_api_request_duration_seconds": Description("histogram", "Time to answer.", ("route",)),
    "bgctl_api_tokens_rejected_total": Description(
        "counter", "Tokens that did not verify, by the first check that failed.", ("reason",)
    ),
    "bgctl_api_tokens_issued_total": Description(
        "counter", "Tokens signed, for a log-in or a refresh.", ("by",)
    ),
    "bgctl_api_store_errors_total": Description(
        "counter", "Requests that failed because the session store did."
    ),
    "bgctl_api_store_up": Description("gauge", "Whether the session store answers."),
    "bgctl_api_counts_known": Description("gauge", "Whether the counts are complete."),
    "bgctl_api_sessions": Description("gauge", "Active sessions.", ("version",)),
    "bgctl_api_users": Description("gauge", "Users with an active session.", ("version",)),
    "bgctl_api_visitors": Description("gauge", "Active visitors.", ("version",)),
    "bgctl_api_proxy_report_age_seconds": Description("gauge", "Since a proxy's last report.", ("proxy",)),
    "bgctl_api_drain_start_timestamp_seconds": Description(
        "gauge", "When the version that drains was switched away from.", ("version",)
    ),
}


class Metrics:
    """The metrics of one app."""

    def __init__(self, counts: Counts, state: State) -> None:
        self._sessions = SessionCollector(counts, state)
        self._own = CollectorRegistry()
        self._own.register(self._sessions)
        self._counters = {
            name: Counter(name, each.help, each.labels, registry=self._own)
            for name, each in TABLE.items()
            if each.kind == "counter"
        }
        self._histograms = {
            name: Histogram(name, each.help, each.labels, registry=self._own, buckets=BUCKETS)
            for name, each in TABLE.items()
            if each.kind == "histogram"
        }

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._counters["bgctl_api_requests_total"].labels(route, method, status).inc()
        self._histograms["bgctl_api_request_duration_seconds"].labels(route).observe(seconds)

    def rejected(self, reason: str) -> None:
        """Count a token that is not believed."""
        self._counters["bgctl_api_tokens_rejected_total"].labels(reason).inc()

    def issued(self, by: str) -> None:
        """Count a token that was signed, by "login" or "refresh"."""
        self._counters["bgctl_api_tokens_issued_total"].labels(by).inc()

    def store_failed(self) -> None:
        """Count a request that the store could not serve."""
        self._counters["bgctl_api_store_errors_total"].inc()

    def render(self) -> bytes:
        """All metrics of all workers, in Prometheus' text format."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._own)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        together.register(self._sessions)
        return generate_latest(together)


class SessionCollector(Collector):
    """The active sessions of each version. While the store is down they are absent: absent is not 0."""

    def __init__(self, counts: Counts, state: State) -> None:
        self._counts = counts
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """Ask the store, once a scrape."""
        up, known = _gauge("bgctl_api_store_up"), _gauge("bgctl_api_counts_known")
        yield _since_when_it_drains(self._state)
        try:
            counted = self._counts.count()
        except StoreError:
            up.add_metric([], 0)
            known.add_metric([], 0)
            yield from (up, known)
            return
        up.add_metric([], 1)
        known.add_metric([], int(counted.unknown is None))
        yield from (up, known, *_by_version(counted.census), _by_proxy(counted.census))


def _gauge(name: str) -> GaugeMetricFamily:
    described = TABLE[name]
    return GaugeMetricFamily(name, described.help, labels=described.labels or None)


def _since_when_it_drains(state: State) -> Metric:
    """Has no sample while nothing drains, or while the beginning is not known."""
    since = _gauge("bgctl_api_drain_start_timestamp_seconds")
    with suppress(SetupError):
        draining = state.draining()
        if draining and draining.since:
            since.add_metric([draining.version], draining.since)
    return since


def _by_version(census: Census) -> Iterator[Metric]:
    for name in ("sessions", "users", "visitors"):
        metric = _gauge(f"bgctl_api_{name}")
        for version, count in census.versions.items():
            metric.add_metric([version], getattr(count, name))
        yield metric


def _by_proxy(census: Census) -> Metric:
    age = _gauge("bgctl_api_proxy_report_age_seconds")
    for proxy in census.heard:
        age.add_metric([proxy.proxy], report_age(census, proxy))
    return age
