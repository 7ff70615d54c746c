"""Hidden states of a small language model, which stays as it is: what a probe reads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from edge_router.routing.arrays import Float32s
from edge_router.routing.artifact.text import head_and_tail

from ...data.npz_cache import kept
from ...data.packaged import model_file

__all__ = ["hidden_states", "states_of"]

BATCH = 32
PROMPT = "Question: {}"


def hidden_states(
    texts: Sequence[str], *, package: str, layer: int, max_tokens: int, work: Path
) -> Float32s:
    """(texts, 2 x width) after the first `layer` blocks of a package's model: the mean over a
    text's tokens, then the last token. Kept in `work`.

    Of a text of more than `max_tokens` the first and the last ones are read, in equal parts.
    """
    identity = f"{package}\0{layer}\0{max_tokens}\0" + "\0".join(texts)
    path = work / f"states-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.npz"
    states = kept(path, lambda: {"states": _read(texts, model_file(package), layer, max_tokens)})
    return states["states"].astype(np.float32)


def _read(texts: Sequence[str], file: Path, layer: int, max_tokens: int) -> Any:
    """As float16, which is more than they are worth. Texts of like length are read together."""
    import transformers

    kind: Any = transformers.AutoTokenizer
    tokenizer = kind.from_pretrained(file.parent, gguf_file=file.name)
    ids = [head_and_tail(tokenizer(PROMPT.format(text))["input_ids"], max_tokens) for text in texts]
    model = _first_blocks(file, layer)
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    states = np.zeros((len(ids), 2 * model.config.hidden_size), np.float16)
    for at in tqdm(range(0, len(order), BATCH), "hidden states"):
        rows = order[at : at + BATCH]
        states[rows] = states_of(model, [ids[row] for row in rows])
    return states


def _first_blocks(file: Path, layer: int) -> Any:
    """The model without what comes behind its first `layer` blocks, in bf16."""
    import torch
    from transformers import AutoModelForCausalLM

    whole = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32
    )
    model = whole.model.eval()
    model.layers = model.layers[:layer]
    model.norm = torch.nn.Identity()
    return model.to(torch.bfloat16)


def states_of(model: Any, ids: Sequence[Sequence[int]]) -> Any:
    """(texts, 2 x width) of a model that gives `last_hidden_state`."""
    import torch

    from ..loop import padded
    from ..model import mean_of_tokens

    with torch.inference_mode():
        inputs, mask = padded(ids)
        states = model(input_ids=inputs, attention_mask=mask).last_hidden_state.float()
        last = states[torch.arange(len(states)), mask.sum(1) - 1]
        both = torch.cat([mean_of_tokens(states, mask), last], dim=1)
    return both.numpy()
