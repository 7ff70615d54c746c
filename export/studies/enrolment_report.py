"""The enrolment study as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["enrolment_markdown"]

PAIRS = ("weak / strong", "rows", "APGR", "APGR, all rows", "way", "way, chosen", "chosen - random")
LOSSES = ("expert", "rows", "log-loss", "log-loss, chosen", "chosen better by", "s per fit")


def enrolment_markdown(found: dict[str, Any]) -> str:
    """What `study` found, for people."""
    return "\n".join(
        [_told(found), "", *_head(PAIRS), *_pairs(found), "", *_head(LOSSES), *_losses(found), ""]
    )


def _told(found: dict[str, Any]) -> str:
    return (
        f"Enrolment on {found['table']}: {found['train_rows']} train rows, {found['test_rows']} "
        f"test rows, {found['setting']['draws']} draws, router {found['artifact']} "
        f"{found['artifact_hash'][:12]}. Way: the share of the way from random (0.5) to the heads "
        "fitted on all train rows. In brackets the middle 95 % of the draws; for APGR on all rows "
        "the bootstrap interval over test rows; for differences a 95 % interval of their mean. "
        f"Encoder {'unchanged' if found['encoder_unchanged'] else 'CHANGED'}, torch "
        f"{'imported' if found['torch_imported'] else 'not imported'}."
    )


def _head(names: tuple[str, ...]) -> list[str]:
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]


def _pairs(found: dict[str, Any]) -> Iterator[str]:
    full = {(row["weak"], row["strong"]): row["apgr"] for row in found["full"]}
    for size in found["sizes"]:
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


def _losses(found: dict[str, Any]) -> Iterator[str]:
    for size in found["sizes"]:
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
