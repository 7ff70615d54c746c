"""In which form a chat template asks for calls of tools, and what a model's words hold of them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tool_templates import LLAMA, QWEN

from edge_router.backends.llama_cpp.answer.reply import Piece, ReplyReader
from edge_router.backends.llama_cpp.answer.tool_format import ToolFormat, calls_tools, tool_format

CALL = '<tool_call>\n{"name": "weather", "arguments": {"in": "Ulm"}}\n</tool_call>'
BARE = '{"name": "weather", "parameters": {"in": "Ulm"}}'
MADE = Piece(calls=(("weather", '{"in": "Ulm"}'),))


@pytest.mark.parametrize(
    ("template", "written"),
    [
        (QWEN, ToolFormat.MARKED),
        (LLAMA, ToolFormat.BARE),
        ("{% for m in messages %}{{ m.content }}{% endfor %}", None),
        ("{# tools #}{{ messages[0].content }} <tool_call> arguments", None),
        ("{% if tools %}[AVAILABLE_TOOLS]{{ tools }}{% endif %}[TOOL_CALLS]", None),
        ("{% if tools %}<tool_call><function=name> arguments{% endif %}", None),
        ("{% if tools %}{{ tools }} Call them as you like.{% endif %}", None),
    ],
)
def test_the_form_is_found_or_there_is_none(template: str, written: ToolFormat | None) -> None:
    """One that is not read here is none: a call in it would be shown as text."""
    assert tool_format(template) is written


def test_a_file_that_cannot_be_read_calls_no_tools() -> None:
    """It is reported where it is opened; the bundled model has no tools in its template."""
    assert not calls_tools("/no/such/file.gguf")
    assert not calls_tools("smollm2-135m")


def read(parts: Sequence[str], **settings: object) -> list[Piece]:
    """All pieces of an answer, texts in a row joined."""
    stated = {"written": ToolFormat.MARKED, "names": ["weather"]} | settings
    reader = ReplyReader(**stated)  # type: ignore[arg-type]
    pieces = [piece for part in parts for piece in reader.take(part)] + list(reader.end())
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else Piece(calls=(("", ""),))
        if piece.calls or last.calls or bool(piece.thought) != bool(last.thought):
            joined.append(piece)
        else:
            joined[-1] = Piece(last.text + piece.text, last.thought + piece.thought)
    return joined


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Dry.", [Piece("Dry.")]),
        (CALL, [MADE]),
        (f"{CALL}\n{CALL}", [MADE, MADE]),
        (f"Let me look. {CALL}", [Piece("Let me look. "), MADE]),
        (CALL.removesuffix("</tool_call>"), [MADE]),
        ("a < b and <table>", [Piece("a < b and <table>")]),
        ("<tool_call>no JSON</tool_call>", [Piece("<tool_call>no JSON</tool_call>")]),
        (CALL.replace("weather", "rm"), [Piece(CALL.replace("weather", "rm"))]),
        ("<think>Hm.</think>\n\nDry.", [Piece(thought="Hm."), Piece("Dry.")]),
        (f"<think>Hm.</think>{CALL}", [Piece(thought="Hm."), MADE]),
        ("<think>Hm.", [Piece(thought="Hm.")]),
        ("I <think> so.", [Piece("I <think> so.")]),
        ("", []),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_words_become_text_thoughts_and_calls(text: str, pieces: list[Piece], size: int) -> None:
    """Wherever a token ends."""
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    assert read(parts) == pieces


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (BARE, [MADE]),
        ("Dry.", [Piece("Dry.")]),
        ('{"rain": 9}', [Piece('{"rain": 9}')]),
        ('In {"name": "weather"} there is none.', [Piece('In {"name": "weather"} there is none.')]),
    ],
)
def test_a_bare_object_is_a_call_if_it_names_a_tool(text: str, pieces: list[Piece]) -> None:
    """Anything else is the answer."""
    assert read(list(text), written=ToolFormat.BARE) == pieces


def test_a_prompt_may_have_begun_the_thought() -> None:
    """Some templates end with its mark."""
    assert read(["Hm.</thi", "nk>Dry."], thinking=True) == [Piece(thought="Hm."), Piece("Dry.")]


@given(st.text(st.sampled_from('<>/think tool_call{}"a:\n'), max_size=60), st.integers(1, 7))
def test_no_word_is_lost(text: str, size: int) -> None:
    """Whatever a model writes without tools: text and thoughts are all of it but the marks."""
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    pieces = read(parts, written=None)
    words = "".join(piece.text + piece.thought for piece in pieces)
    for mark in ("<think>", "</think>"):
        text = text.replace(mark, "")
        words = words.replace(mark, "")
    assert words.replace("\n", "").replace(" ", "") == text.replace("\n", "").replace(" ", "")
    assert not any(piece.calls for piece in pieces)


@given(st.dictionaries(st.text(max_size=4), st.text(max_size=6), max_size=3), st.integers(1, 9))
def test_arguments_come_out_as_they_went_in(arguments: dict[str, str], size: int) -> None:
    """As JSON, whatever is in them."""
    text = f"<tool_call>{json.dumps({'name': 'weather', 'arguments': arguments})}</tool_call>"
    if "</tool_call>" in json.dumps(arguments):
        return
    (piece,) = read([text[at : at + size] for at in range(0, len(text), size)])
    assert json.loads(piece.calls[0][1]) == arguments
