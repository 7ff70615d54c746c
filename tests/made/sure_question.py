"""Questions that the bundled SmolLM2-135M answers alike on every machine.

CPUs round otherwise, and so small a model begins many an answer with a word that leads by a tenth
of a nat: asked for the capital of France, it says "The capital" on one and "La femme" on another.
Each token of these answers leads by 2 nats or more, up to the city; in the first, up to its end.
`tests/integration/backends/llama_cpp/test_sure_question.py` measures it.
"""

from __future__ import annotations

ANSWERS = {
    "What is the capital city of Japan?": "Tokyo",
    "What is the capital city of England?": "London",
    "What is the capital city of Greece?": "Athens",
    "What is the capital city of China?": "Beijing",
    "What is the capital city of South Korea?": "Seoul",
}
QUESTION, ANSWER = next(iter(ANSWERS.items()))
WHOLE = "The capital city of Japan is Tokyo."
