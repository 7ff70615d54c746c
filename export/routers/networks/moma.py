"""MoMA's router: a mixture-of-experts head scores the models, trained on five outcomes of pairs."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge_router.routing.arrays import Float64s

from ..base import Pool, Queries, ResearchRouter
from ..pairs import judge
from ..validation import Indices
from .descent import ON_EMBEDDINGS, Descent, inputs, predict

__all__ = ["MixtureHead", "MoMA", "pair_log_probabilities", "pair_probabilities"]

PARTS = 8
TOP = 2
HIDDEN = 64
KAPPA = 1.0
MU = 0.5


def pair_probabilities(
    s_i: Tensor | float, s_j: Tensor | float, *, eta: Tensor | float, kappa: float, mu: float
) -> Tensor:
    """Strong win, win, tie, loss, strong loss of i against j: (..., 5), of sum 1.

    `s_i`, `s_j` scores of any one shape; `eta` >= 0 makes room for ties, `kappa` is the strength
    and `mu` the margin of a strong win (MoMA 2025, equations 1-4; ties after Rao and Kupper).
    """
    scores = [torch.as_tensor(score, dtype=torch.float64) for score in (s_i, s_j, eta)]
    ahead = scores[0] - scores[1]
    return pair_log_probabilities(ahead, scores[2], kappa=kappa, mu=mu).exp()


def pair_log_probabilities(ahead: Tensor, eta: Tensor, *, kappa: float, mu: float) -> Tensor:
    """Logs of `pair_probabilities` for `ahead` = s_i - s_j, finite where those would round to 0.

    P(tie) = 1 - P(win) - P(loss) is (e^(2 eta) - 1) P(win) P(loss).
    """
    sides = [(way * ahead - eta) for way in (1, -1)]  # d of equation 2, for a win and for a loss
    win, loss = (functional.logsigmoid(side) for side in sides)
    strong, weak = (
        [functional.logsigmoid(sign * kappa * (side - mu)) for side in sides] for sign in (1, -1)
    )
    tie = torch.expm1(2 * eta).log() + win + loss
    return torch.stack(
        [win + strong[0], win + weak[0], tie, loss + weak[1], loss + strong[1]], dim=-1
    )


class MixtureHead(nn.Module):
    """A gate weighs its `top` favourites of `parts` small networks; their sum is the scores.

    `eta` is where the learned threshold of ties starts, > 0.
    """

    def __init__(
        self, width: int, experts: int, *, parts: int = PARTS, top: int = TOP, eta: float = 1.0
    ) -> None:
        super().__init__()
        self.top = top
        self.gate = nn.Linear(width, parts)
        self.hidden = nn.Linear(width, parts * HIDDEN)
        bound = HIDDEN**-0.5
        self.out = nn.Parameter(torch.empty(parts, HIDDEN, experts).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(parts, experts))
        self.raw_eta = nn.Parameter(torch.tensor(math.log(math.expm1(eta))))

    @property
    def eta(self) -> Tensor:
        """The learned threshold of ties, >= 0."""
        return functional.softplus(self.raw_eta)

    def weights(self, vectors: Tensor) -> Tensor:
        """Of each part (batch, parts): `top` of them positive, of sum 1."""
        logits, chosen = self.gate(vectors).topk(self.top, dim=-1)
        nothing = vectors.new_zeros(len(vectors), len(self.bias))
        return nothing.scatter(1, chosen, logits.softmax(-1))

    def forward(self, vectors: Tensor) -> Tensor:
        weights = self.weights(vectors)
        hidden = functional.relu(self.hidden(vectors)).reshape(len(vectors), -1, HIDDEN)
        weighted = (hidden * weights.unsqueeze(-1)).flatten(1)  # (batch, parts * hidden)
        scores: Tensor = weighted @ self.out.flatten(0, 1) + weights @ self.bias
        return scores  # (batch, experts)


def _tie_threshold(share: float) -> float:
    """The eta at which experts of equal scores tie in this share of pairs."""
    return 2 * math.atanh(min(max(share, 0.01), 0.99))


class MoMA(ResearchRouter):
    """Scores from a mixture-of-experts head on the frozen embedding, where the paper has Qwen-3's.

    Categorical cross-entropy over all pairs of experts and their five outcomes (equations 5-6),
    which are read from score differences: see `Pairs.outcomes`.
    """

    name = "MoMA"
    source = "MoMA (2025), section 4.1.3"

    _network: MixtureHead

    def __init__(
        self,
        descent: Descent = ON_EMBEDDINGS,
        *,
        kappa: float = KAPPA,
        mu: float = MU,
    ) -> None:
        self._descent, self._kappa, self._mu = descent, kappa, mu

    def fit(self, train: Pool, *, seed: int) -> None:
        torch.manual_seed(seed)
        vectors, pairs = inputs(train.queries), judge(train.scores)
        outcomes = torch.from_numpy(pairs.outcomes)  # (queries, pairs)
        eta = _tie_threshold(float((pairs.lift == 0).mean()))
        self._network = network = MixtureHead(vectors.shape[1], len(train.experts), eta=eta)

        def loss(rows: Indices) -> Tensor:
            scores = network(vectors[rows])
            ahead = scores[:, pairs.first] - scores[:, pairs.second]
            log_probabilities = pair_log_probabilities(
                ahead, network.eta, kappa=self._kappa, mu=self._mu
            )
            return functional.nll_loss(log_probabilities.flatten(0, 1), outcomes[rows].flatten())

        self._descent.run_to_best(network, loss, len(train), seed=seed)

    def utilities(self, queries: Queries) -> Float64s:
        return predict(self._network, queries)
