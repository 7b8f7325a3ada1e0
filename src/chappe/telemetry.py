"""Logs and metrics. Logs are JSON lines on standard output: an event with fields, never the content of messages."""

from __future__ import annotations

import contextvars
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

request_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("request_id", default=None)


class JsonFormatter(logging.Formatter):
    """One line per event. Fields are given as `extra={"fields": {…}}`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if (identifier := request_id.get()) is not None:
            line["request"] = identifier
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def configure_logging(level: str) -> None:
    """For a server process: everything at `level` and above goes to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # the seals of the audit log leave the database whatever the level
    logging.getLogger("chappe.audit").setLevel("INFO")
    logging.getLogger("uvicorn.error").setLevel("WARNING")
    logging.getLogger("asyncio").setLevel("WARNING")


class _Counted(Collector):
    def __init__(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, int]]) -> None:
        self._name, self._text, self._label, self._read = name, text, label, read

    def describe(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(self._name, self._text, labels=[self._label])

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(self._name, self._text, labels=[self._label])
        for value, count in self._read().items():
            family.add_metric([value], count)
        yield family


class _Count(Collector):
    def __init__(self, name: str, text: str, read: Callable[[], int]) -> None:
        self._name, self._text, self._read = name, text, read

    def collect(self) -> Iterable[CounterMetricFamily]:
        return [CounterMetricFamily(self._name, self._text, value=self._read())]


class Metrics:
    """The process's figures in Prometheus' format. One object per server, so tests can run several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "chappe_http_request_seconds",
            "Time to answer",
            ["method", "route"],
            registry=self.registry,
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
        )
        self._statuses = Counter("chappe_http_responses", "Answers", ["method", "route", "status"], registry=self.registry)
        self._children: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:
            children = self._children[key] = (
                self._requests.labels(method, route),
                self._statuses.labels(method, route, str(status)),
            )
        children[0].observe(seconds)
        children[1].inc()

    def gauge(self, name: str, text: str, read: Any) -> None:
        """A figure that is read when asked for."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def counted(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, int]]) -> None:
        """Counts by a label, read when asked for."""
        self.registry.register(_Counted(name, text, label, read))

    def count(self, name: str, text: str, read: Callable[[], int]) -> None:
        """A number that only grows, read when asked for: `name` with `_total`."""
        self.registry.register(_Count(name, text, read))

    def render(self) -> bytes:
        return generate_latest(self.registry)
