"""A loop of calls of tools: one expert stays, and gives way once when the calls go wrong.

The experts are fakes, so that it runs anywhere; leave `backends` out to have real ones.
"""

from edge_router import Config, EdgeRouter, ExpertConfig
from edge_router.agents.tool_loop import ToolLoop
from edge_router.chat.completion import ChatRequest, Message, ToolCall
from edge_router.chat.tools import Tool
from edge_router.testing import FakeBackend

NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
NOTES = {"monday.txt": "Dentist at nine."}


def read_note(name: str) -> str:
    """The tool. A KeyError is an error that the model reads."""
    return NOTES[name]


def main() -> None:
    """The small expert asks again and again for a note that is not there; the large one answers."""
    experts = {
        "small": ExpertConfig("openai", "m", "3b", base_url="http://127.0.0.1:8080/v1"),
        "large": ExpertConfig("openai", "m", "frontier", base_url="https://models.invalid/v1"),
    }
    fakes = {
        "small": FakeBackend("", tool_calls=[ToolCall("1", "read_note", '{"name": "sunday.txt"}')]),
        "large": FakeBackend("There is no note of Sunday; the only one is Monday's."),
    }
    request = ChatRequest(
        (Message("user", "Show my note of Sunday."),),
        tools=(Tool("read_note", "Reads a note", NAME),),
    )
    with EdgeRouter(Config(experts=experts), backends=fakes) as router:
        loop = ToolLoop(router, ladder=["small", "large"])
        done = loop.run(request, call={"read_note": read_note})
    print(done.answer.text)
    print(done.words)
    print(done.answer.record.words)


if __name__ == "__main__":
    main()
