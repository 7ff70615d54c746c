"""A chat template that eats memory for as long as it may run."""

from __future__ import annotations

import tracemalloc

import pytest

from edge_router.backends.llama_cpp.chat_template import (
    ChatTemplate,
    Conversations,
    default_template,
)
from edge_router.chat.completion import Message
from greedy_templates import NESTED

pytest.importorskip("jinja2", reason="the extra `local` is not installed")
MARKS = {"<|im_start|>", "<|im_end|>"}


@pytest.mark.slow
@pytest.mark.parametrize("source", NESTED)
def test_a_template_cannot_eat_the_memory(source: str) -> None:
    """Given up after its limit, with little made until then."""
    said: list[str] = []
    own = ChatTemplate(source, "<s>", "</s>", stop=("</s>",))
    found = Conversations(own, default_template(MARKS.__contains__), "Ours.", said.append)
    tracemalloc.start()
    try:
        rendered = found.render((Message("user", "Hi"),), lambda: True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rendered.text.startswith("<|im_start|>system")
    assert len(said) == 1
    assert peak < 200 << 20
