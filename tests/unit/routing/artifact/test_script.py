"""Which writing a text is in."""

from __future__ import annotations

import pytest

from edge_router.routing.artifact.text import script_of, script_of_language


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("What is the capital of France?", "latin"),
        ("¿Dónde está la biblioteca?", "latin"),
        ("什么是HDFS日志？", "han"),
        ("これは何ですか", "kana"),
        ("Где находится библиотека?", "cyrillic"),
        ("สวัสดีครับ", "thai"),
        ("Solve for α in the triangle with sides a, b and c.", "latin"),
        ("12 + 30 = ?", "latin"),
        ("🙂🙃", "latin"),
        ("", "latin"),
    ],
)  # fmt: skip
def test_the_script_is_that_of_the_words(text: str, script: str) -> None:
    """A symbol or a product's name from elsewhere does not change it."""
    assert script_of(text) == script


def test_a_language_has_a_script() -> None:
    """An unlisted one counts as Latin."""
    assert [script_of_language(name) for name in ("zh", "ru", "en", "xx")] == [
        "han", "cyrillic", "latin", "latin",
    ]  # fmt: skip
