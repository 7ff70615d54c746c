"""The enrolment study as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["enrolment_markdown"]

PAIRS = ("weak / strong", "rows", "APGR", "APGR, all rows", "way", "way, chosen", "chosen - random")
LOSSES = ("expert", "rows", "log-loss", "log-loss, chosen", "chosen better by", "s per fit")


def enrolment_markdown(study: dict[str, Any]) -> str:
    """The figures of `enrolment.study` as Markdown."""
    return "\n".join(
        [
            _about(study),
            "",
            *_head(PAIRS),
            *_pairs(study),
            "",
            *_head(LOSSES),
            *_losses(study),
            "",
        ]
    )


def _about(study: dict[str, Any]) -> str:
    return (
        f"Enrolment on {study['table']}: {study['train_rows']} train rows, {study['test_rows']} "
        f"test rows, {study['setting']['draws']} draws, router {study['artifact']} "
        f"{study['artifact_hash'][:12]}. Way: the share of the way from random (0.5) to the heads "
        "fitted on all train rows. In brackets the middle 95 % of the draws; for APGR on all rows "
        "the bootstrap interval over test rows; for differences a 95 % interval of their mean. "
        f"Encoder {'unchanged' if study['encoder_unchanged'] else 'CHANGED'}, torch "
        f"{'imported' if study['torch_imported'] else 'not imported'}."
    )


def _head(names: tuple[str, ...]) -> list[str]:
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]


def _pairs(study: dict[str, Any]) -> Iterator[str]:
    full = {(row["weak"], row["strong"]): row["apgr"] for row in study["full"]}
    for size in study["sizes"]:
        for pair in size["pairs"]:
            value, low, high = full[pair["weak"], pair["strong"]]
            yield _line(
                f"{pair['weak']} / {pair['strong']}",
                str(size["rows"]),
                _cell(pair["apgr_random"]),
                f"{value:.3f} [{low:.3f}, {high:.3f}]",
                _cell(pair["way_random"]),
                _cell(pair["way_chosen"]),
                _cell(pair["chosen_better_by"], "mean", 4),
            )


def _losses(study: dict[str, Any]) -> Iterator[str]:
    for size in study["sizes"]:
        for expert in size["experts"]:
            yield _line(
                expert["expert"],
                str(size["rows"]),
                _cell(expert["log_loss_random"]),
                _cell(expert["log_loss_chosen"]),
                _cell(expert["chosen_better_by"], "mean", 4),
                f"{size['seconds_per_fit']['median']:.2f}",
            )


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(spread: dict[str, float], ends: str = "draws", digits: int = 3) -> str:
    low, high = spread[f"{ends}_low"], spread[f"{ends}_high"]
    return f"{spread['mean']:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
