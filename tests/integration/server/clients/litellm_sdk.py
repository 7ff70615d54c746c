"""What LiteLLM's SDK gets from a server: argument 1 is its URL. A failed check ends it."""

from __future__ import annotations

import os
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks a server on the network

import litellm

ASK = [{"role": "user", "content": "What is the capital of France?"}]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
TO = {"api_base": sys.argv[1], "api_key": "any", "num_retries": 0}

litellm.telemetry = False

answer = litellm.completion(model="openai/local", messages=ASK, **TO)
assert answer.choices[0].message.content == "from here", answer
pieces = litellm.completion(model="openai/cloud", messages=ASK, stream=True, **TO)
text = "".join(piece.choices[0].delta.content or "" for piece in pieces)
assert text == "from the cloud", text
answer = litellm.completion(model="openai/caller", messages=ASK, tools=[TOOL], **TO)
assert answer.choices[0].finish_reason == "tool_calls"
assert answer.choices[0].message.tool_calls[0].function.name == "weather"
vector = litellm.embedding(model="openai/auto", input=["a cat"], **TO).data[0]["embedding"]
assert len(vector) > 100
try:
    litellm.completion(model="openai/nobody", messages=ASK, **TO)
except litellm.NotFoundError as error:
    assert "nobody" in str(error)
else:
    raise AssertionError("an unknown model answered")
print("all well", flush=True)
os._exit(0)  # its threads for telemetry would hold up the end
