"""Prometheus metrics.

Counters of several workers meet in files in PROMETHEUS_MULTIPROC_DIR (gunicorn.conf.py sets it, on tmpfs):
counters kept in each worker would jump back and forth with whichever worker answers the scrape. Sessions are
not counted here but asked of the store at each scrape, so they are right whoever answers.
"""

import os
from collections.abc import Iterator
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from session_api.counts import Counts, report_age
from session_api.errors import SetupError
from session_api.stores import Census, StoreError
from session_api.version import State

GAUGES = {
    "sessions": "Active sessions.",
    "users": "Users with an active session.",
    "visitors": "Active visitors.",
}


class Metrics:
    """The metrics of one app."""

    def __init__(self, counts: Counts, state: State) -> None:
        self._sessions = SessionCollector(counts, state)
        self._own = CollectorRegistry()
        self._own.register(self._sessions)
        self._requests = Counter(
            "bgctl_api_requests",
            "Requests answered.",
            ["route", "method", "status"],
            registry=self._own,
        )
        self._seconds = Histogram(
            "bgctl_api_request_duration_seconds",
            "Time to answer.",
            ["route"],
            buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2, 5),
            registry=self._own,
        )
        self._rejections = Counter(
            "bgctl_api_tokens_rejected",
            "Tokens that did not verify, by the first check that failed.",
            ["reason"],
            registry=self._own,
        )
        self._issues = Counter(
            "bgctl_api_tokens_issued",
            "Tokens signed, for a log-in or a refresh.",
            ["by"],
            registry=self._own,
        )
        self._store_errors = Counter(
            "bgctl_api_store_errors",
            "Requests that failed because the session store did.",
            registry=self._own,
        )

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(route, method, status).inc()
        self._seconds.labels(route).observe(seconds)

    def rejected(self, reason: str) -> None:
        """Count a token that is not believed."""
        self._rejections.labels(reason).inc()

    def issued(self, by: str) -> None:
        """Count a token that was signed, by "login" or "refresh"."""
        self._issues.labels(by).inc()

    def store_failed(self) -> None:
        """Count a request that the store could not serve."""
        self._store_errors.inc()

    def render(self) -> bytes:
        """All metrics of all workers, in Prometheus' text format."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._own)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        together.register(self._sessions)
        return generate_latest(together)


class SessionCollector(Collector):
    """Who is active, by version. While the store is down all that is absent, which is not 0."""

    def __init__(self, counts: Counts, state: State) -> None:
        self._counts = counts
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """Ask the store, once a scrape."""
        up = GaugeMetricFamily("bgctl_api_store_up", "Whether the session store answers.")
        known = GaugeMetricFamily("bgctl_api_counts_known", "Whether the counts are complete.")
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


def _since_when_it_drains(state: State) -> Metric:
    """Absent while nothing drains, or nobody knows."""
    since = GaugeMetricFamily(
        "bgctl_api_drain_start_timestamp_seconds",
        "When the version that drains was switched away from.",
        labels=["version"],
    )
    with suppress(SetupError):
        draining = state.draining()
        if draining and draining.since:
            since.add_metric([draining.version], draining.since)
    return since


def _by_version(census: Census) -> Iterator[Metric]:
    for name, help_text in GAUGES.items():
        metric = GaugeMetricFamily(f"bgctl_api_{name}", help_text, labels=["version"])
        for version, count in census.versions.items():
            metric.add_metric([version], getattr(count, name))
        yield metric


def _by_proxy(census: Census) -> Metric:
    age = GaugeMetricFamily(
        "bgctl_api_proxy_report_age_seconds", "Since a proxy's last report.", labels=["proxy"]
    )
    for proxy in census.heard:
        age.add_metric([proxy.proxy], report_age(census, proxy))
    return age
