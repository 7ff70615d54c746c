"""The trained network as a fused fp32 ONNX graph, through optimum and onnxruntime's optimizer."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from .model import RouterNetwork

__all__ = ["OPSET", "export_onnx"]

OPSET = 17


class _NamedOutputs(nn.Module):
    """The network as optimum wants it: with a `config`, and outputs by name."""

    def __init__(self, network: RouterNetwork) -> None:
        super().__init__()
        self.network = network
        self.config = network.bert.config

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        representation, log_tokens = self.network(input_ids, attention_mask)
        return {"representation": representation, "log_tokens": log_tokens}


def export_onnx(network: RouterNetwork, fused: Path) -> None:
    """Write the network to the file `fused`.

    Inputs `input_ids` and `attention_mask` (batch, tokens) int64; outputs `representation`
    (batch, representation_dim) and `log_tokens` (batch, 1), float32.
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
            return {"representation": {0: "batch"}, "log_tokens": {0: "batch"}}

    raw = fused.with_suffix(".raw.onnx")
    view = _NamedOutputs(network.eval())
    export(view, RouterOnnxConfig(view.config, task="feature-extraction"), raw, opset=OPSET)
    bert = network.bert.config
    fusions = FusionOptions("bert")
    fusions.enable_embed_layer_norm = False  # its word table could then not be quantised
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
