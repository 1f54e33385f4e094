"""The measured quantities of questions."""

from prometheus_client import CollectorRegistry, Counter, Histogram

_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0)


class QueryMetrics:
    """Counters beside those of `Metrics`, in the same registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._questions = Counter("ussop_questions", "Questions by outcome.", ("backend", "outcome"), registry=registry)
        self._seconds = Histogram(
            "ussop_question_seconds", "Time of one question.", ("backend",), buckets=_BUCKETS_S, registry=registry
        )
        self._tokens = Counter("ussop_question_tokens", "Tokens that questions have cost.", registry=registry)

    def observe(self, backend: str, outcome: str, seconds: float, tokens: int) -> None:
        """Count one question; `outcome` is `answered`, `refused` or the code of an error."""
        self._questions.labels(backend, outcome).inc()
        self._seconds.labels(backend).observe(seconds)
        self._tokens.inc(tokens)
