"""What a type checker sees of the public names; checked by mypy in .ci/run, never executed."""

from __future__ import annotations

from typing import assert_type

from edge_router import Answer, AnswerRecord, Config, Decision, EdgeRouter, Estimate, Router
from edge_router.chat.completion import ChatChunk

router = EdgeRouter(Config(operating_point="balanced"))
answer = assert_type(router.complete("Hello"), Answer)
assert_type(answer.text, str)
assert_type(answer.record, AnswerRecord)
stream = router.stream([{"role": "user", "content": "Hello"}])
assert_type(stream.decision, Decision)
assert_type(stream.record, AnswerRecord | None)
for chunk in stream:
    assert_type(chunk, ChatChunk)
assert_type(Router.bundled().route("Hello"), Decision)
for estimate in Router.bundled().estimate("Hello").values():
    assert_type(estimate, Estimate)
    assert_type(estimate.cost_usd, float | None)
