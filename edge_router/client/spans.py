"""A hook that gives OpenTelemetry a span for each answer, its decision and each expert asked.

Attributes follow the semantic conventions for generative AI
(https://opentelemetry.io/docs/specs/semconv/gen-ai/); no text of a query or an answer is in them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edge_router.errors import MissingExtra
from edge_router.guards.redaction import without_secrets
from edge_router.routing.attempt import AttemptRecord
from edge_router.routing.record import AnswerRecord
from edge_router.settings.config import Config, ExpertConfig

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider

__all__ = ["SpanHook"]

NANO = 1_000_000_000
OURS = "edge_router"


class SpanHook:
    """For `EdgeRouter(config, hooks=[SpanHook(config)])`. Spans go to `provider`, without one to
    OpenTelemetry's own, as children of the span that the caller is in.

    An answer's span holds the reason and the cost; its children are the decision and one `chat` for
    each expert that was asked, with its tokens and, if it failed, its error. Raises MissingExtra.
    """

    def __init__(
        self, config: Config | None = None, *, provider: TracerProvider | None = None
    ) -> None:
        try:
            from opentelemetry import trace
        except ImportError:
            raise MissingExtra("opentelemetry-api, which spans are made with,", "otel") from None
        self._trace = trace
        self._tracer = trace.get_tracer(OURS, tracer_provider=provider)
        self._experts: Mapping[str, ExpertConfig] = {} if config is None else config.experts

    def __call__(self, record: AnswerRecord) -> None:
        """The spans of one answer, which has just ended."""
        end = time.time_ns()
        start = end - round(record.total_s * NANO)
        answer = self._tracer.start_span(
            f"{OURS} answer", start_time=start, attributes=_of_answer(record)
        )
        inside = self._trace.set_span_in_context(answer)
        decide = self._tracer.start_span(
            f"{OURS} decide", context=inside, start_time=start, attributes=_of_decision(record)
        )
        decide.end(start + round(record.router_s * NANO))
        for attempt in record.attempts:
            begun = start + round(attempt.started_s * NANO)
            span = self._tracer.start_span(
                f"chat {self._model(attempt.expert)}",
                context=inside,
                kind=self._trace.SpanKind.CLIENT,
                start_time=begun,
                attributes=self._of_attempt(record, attempt),
            )
            self._fail(span, attempt.failure)
            span.end(min(end, begun + round(attempt.total_s * NANO)))
        self._fail(answer, "the answer broke off" if record.ended == "broken" else None)
        answer.end(end)

    def _fail(self, span: Span, failure: str | None) -> None:
        if failure is not None:
            words = without_secrets(failure)
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, words))

    def _model(self, expert: str) -> str:
        stated = self._experts.get(expert)
        return expert if stated is None else stated.model

    def _of_attempt(self, record: AnswerRecord, attempt: AttemptRecord) -> dict[str, Any]:
        stated = self._experts.get(attempt.expert)
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": OURS if stated is None else stated.backend,
            "gen_ai.request.model": self._model(attempt.expert),
            f"{OURS}.expert": attempt.expert,
        }
        if attempt.cost_usd is not None:
            attributes[f"{OURS}.cost_usd"] = attempt.cost_usd
        if stated is not None and stated.base_url and (host := urlsplit(stated.base_url).hostname):
            attributes["server.address"] = host
        if attempt.error is not None:
            attributes["error.type"] = attempt.error
        if attempt.expert == record.answered_by and attempt is record.attempts[-1]:
            attributes |= _of_reply(record)
        return attributes


def _of_answer(record: AnswerRecord) -> dict[str, Any]:
    decision = record.decision
    attributes: dict[str, Any] = {
        f"{OURS}.id": record.id,
        f"{OURS}.answered_by": record.answered_by,
        f"{OURS}.reason": record.reason,
        f"{OURS}.ended": record.ended,
        f"{OURS}.propensity": decision.propensity,
    }
    if record.cost_usd is not None:
        attributes[f"{OURS}.cost_usd"] = record.cost_usd
    if record.reasoning_effort is not None:
        attributes[f"{OURS}.reasoning_effort"] = record.reasoning_effort
    return attributes


def _of_decision(record: AnswerRecord) -> dict[str, Any]:
    decision = record.decision
    return {
        f"{OURS}.expert": decision.expert,
        f"{OURS}.wanted": decision.wanted,
        f"{OURS}.reason": decision.reason.value,
        f"{OURS}.operating_point": decision.operating_point,
        f"{OURS}.gain": decision.gain,
        f"{OURS}.min_gain": decision.min_gain,
        f"{OURS}.expected_quality": decision.estimates[decision.expert].quality,
    }


def _of_reply(record: AnswerRecord) -> dict[str, Any]:
    """What is known of the answer that was given."""
    usage = record.usage
    attributes: dict[str, Any] = {"gen_ai.response.time_to_first_chunk": record.first_token_s}
    if record.max_tokens is not None:
        attributes["gen_ai.request.max_tokens"] = record.max_tokens
    if record.finish_reason is not None:
        attributes["gen_ai.response.finish_reasons"] = (record.finish_reason,)
    if usage is not None:
        attributes["gen_ai.usage.input_tokens"] = usage.prompt_tokens
        attributes["gen_ai.usage.output_tokens"] = usage.completion_tokens
        if usage.cached_tokens is not None:
            attributes["gen_ai.usage.cache_read.input_tokens"] = usage.cached_tokens
    return attributes
