"""The training loop: the same result with and without interruptions."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `export` is not installed")

from edge_router.export.data.rows import BadData  # noqa: E402
from edge_router.export.training.loop import bucketed_batches, fit, optimizer_of, padded  # noqa: E402

X = torch.linspace(-1, 1, 64).reshape(16, 4)
Y = X.sum(1, keepdim=True)


class Small(torch.nn.Module):
    """An encoder with dropout and one read-out, as small as they come."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.2))
        self.out = torch.nn.Linear(8, 1)

    def loss(self, rows: np.ndarray) -> torch.Tensor:
        return ((self.out(self.encoder(X[rows])) - Y[rows]) ** 2).mean()


def train(checkpoint: Path, *, stop_after: int | None = None) -> Small:
    """Train for 4 epochs; a signal arrives during batch number `stop_after`."""
    network = Small()
    batches = list(bucketed_batches(np.arange(16), size=4, epochs=4, seed=1))
    seen = 0

    def loss(rows: np.ndarray) -> torch.Tensor:
        nonlocal seen
        seen += 1
        if seen == stop_after:
            os.kill(os.getpid(), signal.SIGTERM)
        return network.loss(rows)

    optimizer = optimizer_of(network, network.encoder, encoder_rate=0.01, head_rate=0.1)
    fit(network, batches, loss, optimizer, checkpoint=checkpoint, seed=1, label="small")
    return network


def test_a_run_stopped_twice_ends_where_an_unbroken_one_does(tmp_path: Path) -> None:
    """Bit for bit, though SIGTERM came in the middle of a batch; no batch is lost or done twice."""
    whole = train(tmp_path / "whole")
    broken = tmp_path / "broken"
    for stop_after in (5, 6):
        with pytest.raises(KeyboardInterrupt, match=r"small stopped after batch \d+; run it again"):
            train(broken, stop_after=stop_after)
    assert torch.load(broken, weights_only=True)["step"] == 5 + 6
    for name, value in train(broken).state_dict().items():
        assert torch.equal(value, whole.state_dict()[name]), name
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_training_learns(tmp_path: Path) -> None:
    """The loss falls."""
    trained = train(tmp_path / "c")
    assert trained.loss(np.arange(16)) < Small().eval().loss(np.arange(16)) / 2


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut short"])
def test_a_corrupt_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    """In one line that says which file to delete."""
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(BadData, match=r"checkpoint .*c cannot be read .* delete it"):
        train(tmp_path / "c")


def test_every_row_comes_once_an_epoch_with_rows_of_like_length() -> None:
    """And the order is the same for the same seed only."""
    lengths = np.random.default_rng(0).integers(3, 100, 200)
    epoch = list(bucketed_batches(lengths, size=10, epochs=1, seed=0))
    assert sorted(np.concatenate(epoch).tolist()) == list(range(200))
    assert np.mean([np.ptp(lengths[rows]) for rows in epoch]) < 20
    same, other = (list(bucketed_batches(lengths, size=10, epochs=1, seed=s)) for s in (0, 1))
    assert all((a == b).all() for a, b in zip(epoch, same, strict=True))
    assert any((a != b).any() for a, b in zip(epoch, other, strict=True))


def test_rows_are_padded_on_the_right() -> None:
    """With a mask of the same shape."""
    ids, mask = padded([[5, 6, 7], [8]])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
