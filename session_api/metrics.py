"""Prometheus metrics.

Counters of several workers meet in files in PROMETHEUS_MULTIPROC_DIR (gunicorn.conf.py sets it, on tmpfs):
counters kept in each worker would jump back and forth with whichever worker answers the scrape. Sessions are
not counted here but asked of the store at each scrape, so they are right whoever answers.
"""

import os
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from session_api.counts import Counts, report_age
from session_api.stores import Census, StoreError

GAUGES = {
    "sessions": "Active sessions.",
    "users": "Users with an active session.",
    "visitors": "Active visitors.",
}


class Metrics:
    """The metrics of one app."""

    def __init__(self, counts: Counts) -> None:
        self._sessions = SessionCollector(counts)
        self._own = CollectorRegistry()
        self._own.register(self._sessions)
        self._requests = Counter(
            "bgctl_api_requests",
            "Requests answered.",
            ["route", "method", "status"],
            registry=self._own,
        )
        self._seconds = Histogram(
            "bgctl_api_request_seconds",
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

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(route, method, status).inc()
        self._seconds.labels(route).observe(seconds)

    def rejected(self, reason: str) -> None:
        """Count a token that is not believed."""
        self._rejections.labels(reason).inc()

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

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Ask the store, once a scrape."""
        up = GaugeMetricFamily("bgctl_api_store_up", "Whether the session store answers.")
        try:
            counted = self._counts.count()
        except StoreError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        known = GaugeMetricFamily("bgctl_api_count_known", "Whether the counts are complete: 0 is not all.")
        known.add_metric([], int(counted.unknown is None))
        yield from (up, known, *_by_version(counted.census), _by_proxy(counted.census))


def _by_version(census: Census) -> Iterator[Metric]:
    told = {
        "sessions": "Active sessions.",
        "users": "Users with an active session.",
        "visitors": "Active visitors.",
    }
    for name, help_text in told.items():
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
