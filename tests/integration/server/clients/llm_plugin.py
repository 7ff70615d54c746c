"""What simonw's llm gets from a server given as one of its endpoints: argument 1 is the URL,
argument 2 a folder for its settings. A failed check ends it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

FOLDER = Path(sys.argv[2])
os.environ["LLM_USER_PATH"] = str(FOLDER)
MODEL = """
- model_id: edge-{name}
  model_name: {name}
  api_base: "{url}"
  supports_tools: true
  supports_schema: true
"""
NAMES = ("local", "cloud", "caller", "writer")
settings = "".join(MODEL.format(name=name, url=sys.argv[1]) for name in NAMES)
(FOLDER / "extra-openai-models.yaml").write_text(settings)

import llm  # noqa: E402 - it reads its folder when it is imported

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
cities = []


def weather(city: str) -> str:
    """The weather of a city."""
    cities.append(city)
    return "12 degrees"


model = llm.get_model("edge-local")
assert model.prompt("Why?", stream=False, key="any").text() == "from here"
assert "".join(llm.get_model("edge-cloud").prompt("Why?", key="any")) == "from the cloud"
talk = llm.get_model("edge-local").conversation()
assert talk.prompt("Why?", key="any").text() == talk.prompt("And?", key="any").text()
schema = llm.get_model("edge-writer").prompt("Where?", schema=SCHEMA, key="any")
assert schema.text() == '{"city":"Ulm"}', schema.text()
caller = llm.get_model("edge-caller")
for stream in (False, True):
    response = caller.prompt("Weather in Ulm?", tools=[weather], stream=stream, key="any")
    (result,) = response.execute_tool_calls()
    assert (result.name, result.output) == ("weather", "12 degrees")
assert cities == ["Ulm", "Ulm"], cities
print("all well")
