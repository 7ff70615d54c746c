"""llm's prompts as requests: attachments, repeated system prompts, and odd messages."""

from __future__ import annotations

import base64

import pytest

pytest.importorskip("llm", reason="the extra `llm` is not installed")

import llm

from edge_router.chat.capability import Capability
from edge_router.chat.request import ChatRequest
from edge_router.cli.llm_plugin.conversation import request_of
from edge_router.cli.llm_plugin.models import RouterModel
from edge_router.errors import InvalidRequest

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
MODEL = RouterModel("edge-router")


def request_for(*messages: llm.Message) -> ChatRequest:
    return request_of(llm.Prompt(None, MODEL, messages=list(messages)))


@pytest.mark.parametrize(
    ("attachment", "need"),
    [
        (llm.Attachment(type="image/png", content=PNG), Capability.VISION),
        (llm.Attachment(type="image/png", url="https://example.org/a.png"), Capability.VISION),
        (llm.Attachment(type="audio/mpeg", content=b"sound"), Capability.AUDIO),
        (llm.Attachment(type="application/pdf", content=b"%PDF-1"), Capability.FILES),
    ],
)
def test_attachments_need_an_expert_that_reads_them(
    attachment: llm.Attachment, need: Capability
) -> None:
    """With the words of the prompt beside them, or alone."""
    request = request_for(llm.user("What is it?", attachment))
    assert request.needs == {need}
    assert request.question == "What is it?"
    assert request_for(llm.user(attachment)).needs == {need}
    assert request.has_remote_parts == (attachment.url is not None)


def test_what_is_no_known_attachment_is_refused() -> None:
    """A message list may hold what llm's own check does not see."""
    text = llm.Attachment(type="text/plain", content=b"hello")
    with pytest.raises(InvalidRequest, match="not text/plain"):
        request_for(llm.user("Sum it up", text))


def test_a_system_prompt_that_is_repeated_is_sent_once() -> None:
    """One that changes is sent again; a message without content is left out."""
    request = request_for(
        llm.system("Be brief."), llm.user("Hi"), llm.assistant("Hello"), llm.system("Be brief."),
        llm.system("Be loud."), llm.user(""), llm.user("Why?"),
    )  # fmt: skip
    assert [one.text for one in request.messages] == [
        "Be brief.", "Hi", "Hello", "Be loud.", "Why?",
    ]  # fmt: skip


@pytest.mark.parametrize("messages", [[], [llm.user("")], [llm.system("Be brief.")]])
def test_an_empty_prompt_is_refused(messages: list[llm.Message]) -> None:
    """As `edge-router ask` refuses it."""
    with pytest.raises(InvalidRequest, match="empty"):
        request_for(*messages)


def test_the_result_of_a_call_that_was_never_made_is_refused() -> None:
    """A conversation from elsewhere may lack the call."""
    with pytest.raises(InvalidRequest):
        request_of(
            llm.Prompt(
                "Well?",
                MODEL,
                tool_results=[llm.ToolResult(name="weather", output="12", tool_call_id="c")],
            )
        )
