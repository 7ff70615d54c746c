"""The trained network as a fused fp32 ONNX graph, through optimum and onnxruntime's optimizer."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..training.model import RouterNetwork, outputs_of

__all__ = ["export_onnx"]

OPSET = 17


class _Embeddings(nn.Module):
    """BERT's, for texts of one segment: its vector is added to every position once and for all."""

    def __init__(self, embeddings: Any, max_tokens: int) -> None:
        super().__init__()
        segment = embeddings.token_type_embeddings.weight[0]
        self.words = embeddings.word_embeddings
        self.positions = nn.Parameter(embeddings.position_embeddings.weight[:max_tokens] + segment)
        self.norm = embeddings.LayerNorm

    def forward(self, input_ids: Tensor, **_: Any) -> Tensor:
        embedded: Tensor = self.norm(self.words(input_ids) + self.positions[: input_ids.shape[1]])
        return embedded


class _NamedOutputs(nn.Module):
    """The network as optimum wants it: with a `config`, and outputs by name."""

    def __init__(self, network: RouterNetwork, max_tokens: int) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).eval()
        embeddings: Any = _Embeddings(network.bert.embeddings, max_tokens)
        self.network.bert.embeddings = embeddings
        self.config = network.bert.config

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        outputs = self.network(input_ids, attention_mask)
        return dict(zip(outputs_of(self.network), outputs, strict=True))


def export_onnx(network: RouterNetwork, fused: Path, *, max_tokens: int) -> None:
    """Write the network, for texts of at most `max_tokens`, to the file `fused`.

    Inputs `input_ids` and `attention_mask` (batch, tokens) int64; outputs `representation`
    (batch, representation_dim), `log_tokens` (batch, 1) and, where the network has one, `embedding`
    (batch, embedding), float32.
    """
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model
    from optimum.exporters.onnx import export
    from optimum.exporters.onnx.model_configs import BertOnnxConfig

    class RouterOnnxConfig(BertOnnxConfig):  # type: ignore[misc]  # optimum is not typed
        @property
        def inputs(self) -> dict[str, dict[int, str]]:
            axes = {0: "batch", 1: "tokens"}
            return {"input_ids": axes, "attention_mask": axes}

        @property
        def outputs(self) -> dict[str, dict[int, str]]:
            return {name: {0: "batch"} for name in outputs_of(network)}

    raw = fused.with_suffix(".raw.onnx")
    view = _NamedOutputs(network, max_tokens)
    export(view, RouterOnnxConfig(view.config, task="feature-extraction"), raw, opset=OPSET)
    bert = network.bert.config
    fusions = FusionOptions("bert")
    fusions.enable_embed_layer_norm = False  # its word table could then not be quantised
    fusions.enable_skip_layer_norm = False  # four times as slow as Add and LayerNormalization
    fusions.enable_bias_skip_layer_norm = False
    model = optimize_model(
        str(raw),
        model_type="bert",
        num_heads=bert.num_attention_heads,
        hidden_size=bert.hidden_size,
        optimization_options=fusions,
        opt_level=1,
    )
    model.save_model_to_file(str(fused))
    raw.unlink()
