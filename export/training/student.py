"""Students: a small encoder trained on the teacher's soft labels and on real outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edge_router.routing.arrays import Bools, Float32s
from edge_router.routing.artifact.text import RouterTokenizer
from edge_router.routing.experts.expert import PROFILES

from ..data.outcome_set import OutcomeSet
from ..recipe import Recipe, StudentPlan
from .embedding import embed_cached
from .grid import hold_to_grid, settle_on_grid
from .loop import Batch, fit, optimizer_of, padded
from .model import RouterNetwork, digest
from .shrink import shrink
from .soft_labels import Opinion
from .teacher import (
    LENGTH_WEIGHT,
    TOOLS_WEIGHT,
    Labels,
    fingerprint,
    label_loss,
    labels_of,
    masked,
    task_kinds,
)
from .triggers import MOST_TOKENS, Attacked, Triggers
from .vocabulary import Vocabulary

__all__ = ["distill"]

EMBEDDED_CHARACTERS = 200
LONGEST_WORD = 14  # letters of a word that triggers are made of


def distill(
    queries: OutcomeSet,
    opinion: Opinion,
    teacher: RouterNetwork,
    plan: StudentPlan,
    *,
    recipe: Recipe,
    vocabulary: Vocabulary,
    work: Path,
    before: RouterNetwork | None = None,
) -> RouterNetwork:
    """A student that goes on from `before`, a student of its shape, or is cut out of `teacher`.

    It is trained on the `train` split and on the teacher's `opinion` of the same queries, read with
    its own `vocabulary`, its weights held to the int8 grid all the while (quantisation-aware
    training). Its sentence embedding follows the base model's.

    A share of the messages carries a trigger against it, see `Triggers`. A run that was stopped
    goes on with new ones.
    """
    said = (opinion.experts, opinion.sizes, opinion.needs_tools, opinion.log_tokens)
    earlier = () if before is None else (digest(before),)
    run = fingerprint(queries, plan, *(float(part.sum()) for part in said), *earlier)
    finished = work / f"student-{run}.pt"
    torch.manual_seed(plan.seed)
    student = _start(teacher, plan, vocabulary)
    if finished.exists():
        student.load_state_dict(torch.load(finished, weights_only=True))
        return student.eval()
    if before is not None:
        _go_on_from(before, student)
    hold_to_grid(student)
    train = queries.split("train")
    data = labels_of(train, task_kinds(queries), recipe, plan, tokenizer=vocabulary.write(work))
    embeddings = _embeddings(train.texts, recipe.base, work) if plan.embedding else None
    targets = _Targets.of(opinion, queries.splits == "train", embeddings)
    optimizer = optimizer_of(
        student, student.bert, encoder_rate=plan.encoder_rate, head_rate=plan.head_rate
    )
    triggers = _triggers(train.texts, vocabulary, plan, work) if plan.attacked else None
    if triggers:
        triggers.strengthen(student, data.ids)

    def loss_of(batch: Batch) -> Tensor:
        ids = [data.ids[draw] for draw in batch]
        if triggers is None:
            messages = [Attacked(row, ()) for row in ids]
        else:
            triggers.improve(student, ids)
            messages = triggers.attacked(ids)
        return _loss(student, data, targets, messages, batch, plan=plan)

    fit(
        student,
        data.batches(size=plan.batch_size, seed=plan.seed),
        loss_of,
        optimizer,
        checkpoint=work / f"student-{run}.checkpoint",
        seed=plan.seed,
        label="student",
    )
    settle_on_grid(student)
    torch.save(student.state_dict(), finished)
    return student


def _triggers(
    texts: Sequence[str], vocabulary: Vocabulary, plan: StudentPlan, work: Path
) -> Triggers:
    """Of distinct words of `texts`, and of every piece of a word."""
    encode = RouterTokenizer(vocabulary.write(work), max_tokens=MOST_TOKENS).input_ids
    words = dict.fromkeys(word for text in texts for word in text.split())
    whole = [encode(word)[1:-1] for word in words if len(word) <= LONGEST_WORD]
    known = [word for word in whole if word] + [[piece] for piece in vocabulary.pieces]
    return Triggers(known, share=plan.attacked, max_tokens=plan.max_tokens, seed=plan.seed)


def _start(teacher: RouterNetwork, plan: StudentPlan, vocabulary: Vocabulary) -> RouterNetwork:
    bert = shrink(
        teacher.bert,
        layers=plan.layers,
        width=plan.width,
        feed_forward=plan.feed_forward,
        words=vocabulary.kept,
    )
    for module in bert.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = plan.dropout
    return RouterNetwork(
        bert,
        difficulties=plan.difficulties,
        kinds=teacher.kind.out_features,
        experts=teacher.heads.out_features,
        dropout=plan.dropout,
        embedding=plan.embedding,
        sizes=len(PROFILES),
        weighs_tokens=plan.weighs_tokens,
    )


def _go_on_from(before: RouterNetwork, student: RouterNetwork) -> None:
    """Give `student` the weights of `before`; how it weighs tokens is its own where `before` does
    not."""
    state = before.state_dict()
    own = {name: value for name, value in student.state_dict().items() if name not in state}
    student.load_state_dict(own | state)


def _embeddings(texts: Sequence[str], base: Path, work: Path) -> Float32s:
    """The base model's embedding of each text, NaN of a long one, which would take long."""
    short = np.array([len(text) <= EMBEDDED_CHARACTERS for text in texts])
    embedded = embed_cached(
        [text for text, use in zip(texts, short, strict=True) if use], base, work
    )
    every = np.full((len(texts), embedded.shape[1]), np.nan, dtype=np.float32)
    every[short] = embedded
    return every


@dataclass(frozen=True, slots=True)
class _Targets:
    experts: Tensor  # (queries, experts), log-odds
    sizes: Tensor  # (queries, 6), log-odds
    needs_tools: Tensor  # (queries, 1), log-odds or NaN
    kinds: Tensor  # (queries, kinds)
    log_tokens: Tensor  # (queries, 1)
    embeddings: Tensor | None  # (queries, embedding), each of length 1 or NaN

    @classmethod
    def of(cls, opinion: Opinion, rows: Bools, embeddings: Float32s | None) -> _Targets:
        return cls(
            torch.from_numpy(opinion.experts[rows]),
            torch.from_numpy(opinion.sizes[rows]),
            torch.from_numpy(opinion.needs_tools[rows]),
            torch.from_numpy(opinion.kinds[rows]),
            torch.from_numpy(opinion.log_tokens[rows]),
            None if embeddings is None else torch.from_numpy(embeddings),
        )


def _loss(
    student: RouterNetwork,
    data: Labels,
    targets: _Targets,
    messages: Sequence[Attacked],
    batch: Batch,
    *,
    plan: StudentPlan,
) -> Tensor:
    """Of the draws `batch`, read as the `messages` (draws,)."""
    rows = data.draws.rows[batch]
    pooled, mark_loss = _pooled(student, messages)
    pooled = student.dropout(pooled)
    from_teacher = _teacher_loss(student, pooled, targets, rows, plan)
    seen = label_loss(student, pooled, data, rows, plan)
    loss = plan.teacher_weight * from_teacher + (1 - plan.teacher_weight) * seen + mark_loss
    if targets.embeddings is None:
        return loss
    wanted = targets.embeddings[rows]
    known = ~wanted.isnan().any(1)
    distance = 1 - (student.embed(pooled) * wanted.nan_to_num()).sum(1)
    return loss + plan.embedding_weight * (distance * known).mean()


def _pooled(student: RouterNetwork, messages: Sequence[Attacked]) -> tuple[Tensor, Tensor]:
    """Mean of the last layer for each message (messages, width), and the loss of the marks.

    The longer half is computed apart, so that the shorter half is not padded to it."""
    order = sorted(range(len(messages)), key=lambda row: len(messages[row].ids))
    middle = len(order) // 2
    halves = [[messages[row] for row in half] for half in (order[:middle], order[middle:]) if half]
    means, losses = [], []
    for half in halves:
        ids, mask = padded([one.ids for one in half])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mean, marks = student.pooled_and_marked(ids, mask)
        means.append(mean.float())
        losses.append(_mark_loss(marks.float(), half))
    back = torch.tensor(order).argsort()
    return torch.cat(means)[back], torch.stack(losses).mean()


def _mark_loss(marks: Tensor, messages: Sequence[Attacked]) -> Tensor:
    """By how much `marks` (messages, tokens) fall short of 1 for a message's own tokens and of 0
    for those of a trigger, squared; each message counts alike."""
    own = torch.full_like(marks, torch.nan)
    for row, one in enumerate(messages):
        own[row, : len(one.own)] = torch.tensor(one.own, dtype=marks.dtype)
    known = ~own.isnan()
    short = torch.where(own > 0.5, 1 - marks, marks).clamp(min=0).square() * known
    return (short.sum(1) / known.sum(1).clamp(min=1)).mean()


def _teacher_loss(
    student: RouterNetwork, pooled: Tensor, targets: _Targets, rows: Batch, plan: StudentPlan
) -> Tensor:
    vector, kind_logits, log_tokens = student.read(pooled)
    odds, wanted = student.heads(vector), targets.experts[rows]
    size_loss = functional.mse_loss(student.sizes_of(vector), targets.sizes[rows])
    score_loss = functional.binary_cross_entropy_with_logits(odds, wanted.sigmoid())
    gap_loss = functional.mse_loss(_centred(odds), _centred(wanted))
    kind_loss = functional.cross_entropy(kind_logits, targets.kinds[rows])
    length_loss = functional.smooth_l1_loss(log_tokens, targets.log_tokens[rows])
    tools_loss = masked(
        functional.binary_cross_entropy_with_logits,
        student.tools(vector),
        targets.needs_tools[rows].sigmoid(),
    )
    return (
        score_loss
        + plan.gap_weight * gap_loss
        + plan.size_weight * size_loss
        + plan.kind_weight * kind_loss
        + LENGTH_WEIGHT * length_loss
        + TOOLS_WEIGHT * tools_loss
    )


def _centred(log_odds: Tensor) -> Tensor:
    """How much better than the others each expert is on each query."""
    return log_odds - log_odds.mean(1, keepdim=True)
