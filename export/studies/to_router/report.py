"""TO-Router's table 1 and its figures 2, 3, 4 and 6, from the study's findings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_router.learning.page.content import Section, Table

from ...metrics.apgr import Interval
from ...report.markdown import markdown_of
from ...report.plots import allocation_heat_map, trilemma_plot
from .experts import PRICE
from .plots import by_kind_plot
from .study import COLUMNS, FOLDS, Method, ToRouterStudy

__all__ = ["to_router_figures", "to_router_json", "to_router_markdown"]

TITLE = "TO-Router's experiment with small local experts"
EACH = "Optimal of each"
SIMILAR = "Optimal by similarity"
COMPARED = ("Random", "1NN", "MLP", "BERT", "best single", SIMILAR)
DIGITS = {"cost_usd": 5, "tokens_per_s": 1, "similarity": 3, "nll": 3, "score": 3}
HEADER = ("who answers", "total cost, $", "tokens/s", "similarity", "NLL", "score")

DIFFERS = f"""\
The paper's experts are seven models of 1.6 to 8 billion parameters on H100s, three of them made for
medicine, code or mathematics. These are one model of 135 million, SmolLM2, in three quantisations
that llama.cpp made of its shipped Q4_1 file, each alone and after two examples of one kind of
question, on one thread of a machine that did other work too. Nearly all weights of so narrow a
model stay at four bits in Q2_K. So the experts lie much closer together, and there is less to
route for.

The science questions are school science of MMLU: the answers to ARC's own questions are not in the
tables at hand. Only questions with a reference of at most 150 characters take part (a likelihood is
measured of 64 tokens at most), which leaves the shorter GSM8K and MBPP ones and an eighth of
PubMedQA, and PubMedQA's are asked without their abstracts. Answers end after 16 to 48 tokens and
are drawn at temperature 0, not 0.7.

The paper has one split of 80/20 and no intervals. Here each question is answered once, by routers
that have learned from the other four of {FOLDS} folds, and intervals are 95 % bootstrap intervals
over the questions; that the routers of a fold share their training rows is not in them.

Similarity is the cosine of all-MiniLM-L6-v2's mean embeddings, of which the paper says only BERT;
BERT-Router fine-tunes that encoder in place of bert-base-uncased, and MLP-Router's batches are of
64. NLL is the mean over the reference's tokens, not over those of the answer. Every token costs
${PRICE.input_usd_per_million:.2f} a million, the paper's price for its smallest model, those of the
examples too.
"""


def to_router_markdown(study: ToRouterStudy, command: str) -> str:
    """The whole page but for its figures."""
    opening = (
        f"{len(study.kinds)} questions, {len(study.experts)} experts (TO-Router, Stripelis et al. "
        f"2024, section 4); soft labels of the similarity at T = 10, sample weights, seed "
        f"{study.seed}. Made by `{command}`."
    )
    return markdown_of(TITLE, opening, _sections(study))


def _sections(study: ToRouterStudy) -> list[Section]:
    differs = tuple(" ".join(part.split()) for part in DIFFERS.split("\n\n"))
    return [
        Section("What it shows", (_verdict(study),)),
        Section("Table 1", (_reading(),), (_table(study), _differences(study))),
        Section(
            "Figures 2 and 3",
            ("`to-router-similarity.svg` and `to-router-nll.svg`.",),
            (_by_kind(study, "similarity"), _by_kind(study, "nll")),
        ),
        Section("Figure 4", ("`to-router-trilemma.svg`: the rows of table 1.",)),
        Section("Figure 6", ("`to-router-allocation.svg`.",), (_allocation(study),)),
        Section("What differs from the paper", differs),
    ]


def _reading() -> str:
    return (
        "Total cost of all questions, mean output tokens per second, mean similarity to the "
        "reference (BERTSim), mean negative log-likelihood of the reference's tokens, and the "
        "share of right answers, which the paper does not have. Random is the mean of ten trials, "
        "Zero the mean of all experts, best single the most similar expert of the training folds. "
        "The first Optimal asks the expert with the most similar answer; the other is the best of "
        "each column that an expert or a router reached."
    )


def _verdict(study: ToRouterStudy) -> str:
    """Which routers are proven better than drawing, and than one expert for everything."""
    words = []
    for other in ("Random", "best single"):
        proven = [
            name
            for name in ("1NN", "MLP", "BERT")
            if study.difference(study.named(name), study.named(other), "similarity").low > 0
        ]
        words.append(
            f"{' and '.join(proven)} answer{'s' * (len(proven) == 1)} more similarly than {other}"
            if proven
            else f"no router is proven to answer more similarly than {other}"
        )
    room = study.difference(study.named(SIMILAR), study.named("best single"), "similarity")
    said = "; ".join(words)
    return (
        f"{said[0].upper()}{said[1:]}. The room above the best single expert is {room} in "
        "similarity, for a router that knows the answers."
    )


def _table(study: ToRouterStudy) -> Table:
    rows = [
        (method.name, *(_cell(study.mean(method, column), column) for column in COLUMNS))
        for method in study.methods
    ]
    best = (_cell(study.best_of_each(column), column) for column in COLUMNS)
    return Table("Experts alone, then routers and bounds", HEADER, (*rows, (EACH, *best)))


def _cell(one: Interval, column: str) -> str:
    digits = DIGITS[column]
    return f"{one.value:.{digits}f} [{one.low:.{digits}f}, {one.high:.{digits}f}]"


def _differences(study: ToRouterStudy) -> Table:
    others = ("Random", "best single")
    rows = tuple(
        (
            name,
            *(
                _cell(study.difference(study.named(name), study.named(other), column), column)
                for other in others
                for column in ("similarity", "nll")
            ),
        )
        for name in ("1NN", "MLP", "BERT")
    )
    header = ("router", *(f"{c} less {other}'s" for other in others for c in ("similarity", "NLL")))
    return Table("Differences on the same questions", header, rows)


def _by_kind(study: ToRouterStudy, column: str) -> Table:
    measured = _measured_by_kind(study, column)
    kinds = list(measured[COMPARED[0]])
    rows = tuple(
        (name, *(_cell(values[kind], column) for kind in kinds))
        for name, values in measured.items()
    )
    return Table(f"{column.upper() if column == 'nll' else column} by kind", ("", *kinds), rows)


def _measured_by_kind(study: ToRouterStudy, column: str) -> dict[str, dict[str, Interval]]:
    kinds = list(dict.fromkeys(study.kinds))
    return {
        name: {kind: study.of_kind(study.named(name), column, kind) for kind in kinds}
        for name in COMPARED
    }


def _allocation(study: ToRouterStudy) -> Table:
    rows = tuple(
        (method.name, *(f"{count:.0f}" for count in method.shares.sum(axis=0)))
        for method in _choosing(study)
    )
    return Table("Questions that each method sends to each expert", ("", *study.experts), rows)


def _choosing(study: ToRouterStudy) -> list[Method]:
    return [one for one in study.methods if one.kind != "expert" and one.name != "Zero"]


def to_router_figures(study: ToRouterStudy) -> dict[str, str]:
    """SVG texts by file name."""
    labels = {"similarity": "similarity to the reference", "nll": "NLL of the reference"}
    figures = {
        f"to-router-{column}": by_kind_plot(
            f"{TITLE}: {column}",
            _measured_by_kind(study, column),
            label,
            f"Mean {label} of every method, by kind of question; the numbers are in the page.",
        )
        for column, label in labels.items()
    }
    shares = {one.name: one.shares.mean(axis=0).tolist() for one in _choosing(study)}
    return figures | {
        "to-router-trilemma": trilemma_plot(
            _trilemma_rows(study),
            TITLE,
            "Total cost against tokens per second, coloured by similarity, of every expert, router "
            "and bound; the numbers are in table 1.",
        ),
        "to-router-allocation": allocation_heat_map(
            TITLE, shares, study.experts, "Percent of the questions each method sends to an expert."
        ),
    }


def _trilemma_rows(study: ToRouterStudy) -> list[dict[str, Any]]:
    axes = ("cost_usd", "tokens_per_s", "similarity")
    rows: list[dict[str, Any]] = [
        {"name": one.name, "kind": "router" if one.kind == "baseline" else one.kind}
        | {axis: study.mean(one, axis).value for axis in axes}
        for one in study.methods
    ]
    best = {axis: study.best_of_each(axis).value for axis in axes}
    return [*rows, {"name": EACH, "kind": "bound", **best}]


def to_router_json(study: ToRouterStudy) -> dict[str, Any]:
    """The figures of the page, with their intervals."""

    def ends(measured: Callable[[str], Interval]) -> dict[str, list[float]]:
        each = {column: measured(column) for column in COLUMNS}
        return {name: [one.value, one.low, one.high] for name, one in each.items()}

    def of(method: Method) -> dict[str, list[float]]:
        return ends(lambda column: study.mean(method, column))

    return {
        "questions": len(study.kinds),
        "experts": list(study.experts),
        "seed": study.seed,
        "methods": {one.name: of(one) for one in study.methods} | {EACH: ends(study.best_of_each)},
        "allocation": {one.name: one.shares.sum(axis=0).tolist() for one in study.methods},
    }
