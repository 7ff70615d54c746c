"""Weights held to the grid of the int8 graph in training, so that rounding changes nothing."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .model import RouterNetwork

__all__ = ["WEIGHT_STEPS", "hold_to_grid", "settle_on_grid"]


class _ChannelGrid(nn.Module):
    """Rounds a weight (out, in) as quantize.py will: 7 bits, symmetric, a scale per output."""

    def forward(self, weight: Tensor) -> Tensor:
        scale = weight.detach().abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / WEIGHT_STEPS
        return weight + (torch.round(weight / scale) * scale - weight).detach()


class _TableGrid(nn.Module):
    """Rounds an embedding table as quantize.py will: 8 bits with a zero point, one scale."""

    def forward(self, weight: Tensor) -> Tensor:
        low, high = weight.detach().min().clamp(max=0), weight.detach().max().clamp(min=0)
        scale = (high - low) / 255
        zero = torch.round(-low / scale)
        steps = torch.clamp(torch.round(weight / scale) + zero, 0, 255) - zero
        return weight + (steps * scale - weight).detach()


def hold_to_grid(network: RouterNetwork) -> None:
    """Train with rounded weights (straight-through gradients), so that rounding costs nothing."""
    for module in _rounded_modules(network):
        grid = _TableGrid() if isinstance(module, nn.Embedding) else _ChannelGrid()
        parametrize.register_parametrization(module, "weight", grid)


def settle_on_grid(network: RouterNetwork) -> None:
    """Make the rounded weights the weights."""
    for module in _rounded_modules(network):
        parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)


def _rounded_modules(network: RouterNetwork) -> list[nn.Module]:
    tables = [m for m in network.bert.embeddings.modules() if isinstance(m, nn.Embedding)]
    linear = [m for m in network.bert.encoder.modules() if isinstance(m, nn.Linear)]
    weighing = [] if network.token_weight is None else [network.token_weight]
    return [*tables, *linear, *weighing]


WEIGHT_STEPS = 64  # 7 bits: more overflow in the int8 kernels of CPUs without VNNI
