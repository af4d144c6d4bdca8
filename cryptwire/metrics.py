"""The only door to the meters. Each service makes its own ``Meters`` and hands it down; /metrics prints them."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Meters:
    """Counters, gauges and histograms of one process, by name; asking again for a name gives the same meter."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}

    def count(self, name: str, help_text: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter; the names of its labels are those of its first use."""
        meter = self._counters.get(name)
        if meter is None:
            meter = self._counters[name] = Counter(
                f"cryptwire_{name}", help_text, tuple(labels), registry=self.registry
            )
        (meter.labels(**labels) if labels else meter).inc(amount)

    def set(self, name: str, help_text: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        meter = self._gauges.get(name)
        if meter is None:
            meter = self._gauges[name] = Gauge(f"cryptwire_{name}", help_text, tuple(labels), registry=self.registry)
        (meter.labels(**labels) if labels else meter).set(value)

    def observe(self, name: str, help_text: str, value: float, **labels: str) -> None:
        """Add to a histogram; seconds unless its name says otherwise."""
        meter = self._histograms.get(name)
        if meter is None:
            meter = self._histograms[name] = Histogram(
                f"cryptwire_{name}", help_text, tuple(labels), registry=self.registry
            )
        (meter.labels(**labels) if labels else meter).observe(value)

    def value(self, name: str, **labels: str) -> float:
        """What a counter or gauge shows now; 0 before its first use."""
        sample = self.registry.get_sample_value(f"cryptwire_{name}_total", labels or None)
        if sample is None:
            sample = self.registry.get_sample_value(f"cryptwire_{name}", labels or None)
        return sample or 0.0

    def text(self) -> bytes:
        """All of them in Prometheus's text format."""
        return generate_latest(self.registry)
