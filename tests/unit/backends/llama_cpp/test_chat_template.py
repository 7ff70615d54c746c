"""Chat templates as model files have them: strict, forgetful, broken, endless, or none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from edge_router.backends.llama_cpp import chat_template
from edge_router.backends.llama_cpp.chat_template import (
    ChatTemplate,
    Conversations,
    default_template,
)
from edge_router.chat.completion import Message
from edge_router.errors import BackendUnavailable
from greedy_templates import GREEDY, NESTED, is_refused

pytest.importorskip("jinja2", reason="the extra `local` is not installed")

TURNS = "{% for m in messages %}[{{ m['role'] }}: {{ m['content'] | trim }}]{% endfor %}"
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + TURNS
)
ALTERNATE = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}" + TURNS
)
SYSTEM_THEN_ALTERNATE = (
    "{% if messages[0]['role'] == 'system' %}[system: {{ messages[0]['content'] }}]"
    "{% set messages = messages[1:] %}{% endif %}" + ALTERNATE
)
FORGETS_SYSTEM = (
    "{% for m in messages if m['role'] != 'system' %}[{{ m['role'] }}: {{ m['content'] }}]"
    "{% endfor %}"
)
ENDLESS = (
    "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}"
    "{% endfor %}{% endfor %}{% endfor %}"
)

U, A, S = (
    (lambda text, role=role: Message(role, text)) for role in ("user", "assistant", "system")
)
PLAIN = (U("Hi"),)
TOLD = (S("Be brief."), U("Hi"))
TWICE = (U("One."), U("Two."))


def always() -> bool:
    """The caller still waits."""
    return True


def conversations(source: str | None, *, chatml: bool = True) -> tuple[Conversations, list[str]]:
    """With "Ours." as our own system message, and what was said of the template."""
    said: list[str] = []
    marks = {"<|im_start|>", "<|im_end|>"} if chatml else set()
    own = None if source is None else ChatTemplate(source, "<s>", "</s>", stop=("</s>",))
    default = default_template(marks.__contains__)
    return Conversations(own, default, "Ours.", said.append), said


@pytest.mark.parametrize(
    ("source", "messages", "expected"),
    [
        (TURNS, PLAIN, "[system: Ours.][user: Hi]"),
        (TURNS, TOLD, "[system: Be brief.][user: Hi]"),
        (TURNS, TWICE, "[system: Ours.][user: One.][user: Two.]"),
        (NO_SYSTEM, PLAIN, "[user: Hi]"),
        (NO_SYSTEM, TOLD, "[user: Be brief.\n\nHi]"),
        (NO_SYSTEM, TWICE, "[user: One.][user: Two.]"),
        (ALTERNATE, PLAIN, "[user: Hi]"),
        (ALTERNATE, TOLD, "[user: Be brief.\n\nHi]"),
        (ALTERNATE, TWICE, "[user: One.\n\nTwo.]"),
        (
            ALTERNATE,
            (U("Hi"), A("Yes?"), U("One."), U("Two.")),
            "[user: Hi][assistant: Yes?][user: One.\n\nTwo.]",
        ),
        (SYSTEM_THEN_ALTERNATE, TWICE, "[system: Ours.][user: One.\n\nTwo.]"),
        (TURNS, (U("Hi"), S("Be brief.")), "[user: Hi][system: Be brief.]"),
        (FORGETS_SYSTEM, PLAIN, "[user: Hi]"),
        (FORGETS_SYSTEM, TOLD, "[user: Be brief.\n\nHi]"),
        ("{{ bos_token }}{{ messages | tojson }}", (U("Hé"),), None),
    ],
)
def test_a_template_gets_the_form_that_it_takes(
    source: str, messages: tuple[Message, ...], expected: str | None
) -> None:
    """Our own system message goes first; the caller's is never left out."""
    found, said = conversations(source)
    text = found.render(messages, always).text
    assert not said
    assert text == expected or (expected is None and text.startswith("<s>[{"))


@pytest.mark.parametrize(
    "source",
    [
        None,
        "{% for m in messages %}{{ m['content'] ",
        "{{ raise_exception('never') }}",
        "{{ 1 / 0 }}",
        "{{ nothing.of.this }}",
        "{{ ''.__class__.__mro__ }}{{ raise_exception('x') }}",
        "{{ 'a' * 10 ** 10 }}",
        "{{ 9 ** 9 ** 9 ** 9 }}",
        "{{ '%99999999999d' % 1 }}",
        "{% for a in range(10 ** 9) %}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ (" * 3000,
        "",
        "{# nothing #}",
    ],
)
@pytest.mark.parametrize("chatml", [True, False])
def test_without_a_usable_template_there_is_a_documented_form(
    source: str | None, chatml: bool
) -> None:
    """ChatML where the vocabulary has its marks; said once, and without the prompt."""
    found, said = conversations(source, chatml=chatml)
    for _ in range(2):
        rendered = found.render((*TOLD, A("Yes?"), U("My secret.")), always)
    expected = (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\nYes?<|im_end|>\n<|im_start|>user\nMy secret.<|im_end|>\n"
        "<|im_start|>assistant\n"
        if chatml
        else "Be brief.\nUser: Hi\nAssistant: Yes?\nUser: My secret.\nAssistant:"
    )
    assert rendered.text == expected
    assert rendered.stop == (("<|im_end|>",) if chatml else ("\nUser:",))
    assert len(said) == 1
    assert "secret" not in said[0]


@pytest.mark.parametrize("source", [*GREEDY, *NESTED])
def test_a_template_cannot_eat_the_memory(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails before anything large is made; an integration test gives NESTED all of its time."""
    if source in NESTED:
        chat_template._seconds_of_ours()
        monkeypatch.setattr(chat_template, "_limit_s", lambda: 0.2)
    is_refused(source)


@pytest.mark.parametrize("half", ["\\ud800", "\\udfff"])
def test_half_a_surrogate_pair_is_a_template_that_fails(half: str) -> None:
    """No tokenizer takes it."""
    found, said = conversations(f"{{{{ '{half}' }}}}{TURNS}")
    assert found.render(PLAIN, always).text.startswith("<|im_start|>system")
    assert len(said) == 1


def test_an_endless_template_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its limit, once; its thread ends too."""
    chat_template._seconds_of_ours()  # imports, in which a thread may not be abandoned
    monkeypatch.setattr(chat_template, "_limit_s", lambda: 0.2)
    found, said = conversations(ENDLESS)
    for _ in range(3):
        started = time.monotonic()
        assert found.render(PLAIN, always).text.startswith("<|im_start|>system")
    assert time.monotonic() - started < 0.15
    assert len(said) == 1
    assert wait_until(lambda: not any(t.name == "chat template" for t in threading.enumerate()))


def test_a_slow_machine_has_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a template of ours takes half a second, a sound one may take three; ours has no
    limit."""
    monkeypatch.setattr(chat_template, "LIMIT_S", 0.0)
    monkeypatch.setattr(chat_template, "_seconds_of_ours", lambda: 0.5)
    found, _ = conversations("{% for _ in range(9000) %}{% endfor %}" + TURNS)
    assert found.render(PLAIN, always).text.startswith("[system: Ours.]")
    monkeypatch.setattr(chat_template, "_seconds_of_ours", lambda: 0.0)
    found, said = conversations(None)
    assert found.render(PLAIN, always).text.startswith("<|im_start|>system")
    assert said == ["it has no chat template; a ChatML prompt is used"]


def test_an_endless_template_ends_with_the_answer() -> None:
    """As soon as its caller gives up."""
    found, _ = conversations(ENDLESS)
    started = time.monotonic()
    with pytest.raises(BackendUnavailable):
        found.render(PLAIN, lambda: time.monotonic() - started < 0.1)
    assert time.monotonic() - started < 2
    assert wait_until(lambda: not any(t.name == "chat template" for t in threading.enumerate()))


def wait_until(true: Callable[[], bool]) -> bool:
    """Whether it came true within a few seconds."""
    until = time.monotonic() + 5
    while not true() and time.monotonic() < until:
        time.sleep(0.01)
    return true()
