"""The study of agents as text and as plots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...report.line_styles import COLOURS, MUTED
from ...report.svg import draw_panels
from .semantic_router import VERSION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["agents_markdown", "agents_plot"]

PLOTTED = (
    "names only",
    "10 examples, similarity",
    "10 examples, head",
    "all examples, head",
)


def agents_markdown(study: Mapping[str, Any]) -> str:
    """Tables: accuracy of every method, growth, placement and the cache."""
    lines = [
        "# Agents\n",
        f"Encoder `{study['artifact'][:16]}`; descriptions are the intents' names.\n",
        "Thresholds keep 3 % false alarms on dev requests; all figures are of the test splits.\n",
        *_table(study, "CLINC150"),
        *_table(study, "BANKING77"),
        *_other_heads(study["other_heads"]),
        *_reference(study),
        *_semantic_router(study),
        *_growth(study["growth"]),
        *_placement(study["placement"]),
        *_cache(study["cache"]),
        *_language_model(study.get("language_model", {})),
    ]
    return "\n".join(lines) + "\n"


def _table(study: Mapping[str, Any], name: str) -> Iterator[str]:
    yield f"## {name}\n"
    yield from _rows(study[name])


def _rows(methods: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "| method | accuracy without abstention | accuracy in scope | false alarms | "
        "out-of-scope recall | AUROC | recall@5 |"
    )
    yield "|---|---|---|---|---|---|---|"
    for method, facts in methods.items():
        draws = f" (mean of {facts['draws']} draws)" if facts["draws"] > 1 else ""
        keys = ("accuracy", "in_scope", "false_alarms", "out_of_scope_recall", "auroc")
        shares = " | ".join(_share(facts.get(key)) for key in keys)
        yield f"| {method}{draws} | {shares} | {_share(facts['recall_at_5'])} |"
    yield ""


def _other_heads(sets: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    names = list(sets)
    yield "## Other heads\n"
    yield (
        "Accuracy on dev requests without abstention, 10 examples an agent, means over the same "
        "draws. All are fitted to the same embeddings: what the best of them lacks, a head cannot "
        "give.\n"
    )
    yield f"| head | {' | '.join(names)} |"
    yield f"|---|{'---|' * len(names)}"
    for head in sets[names[0]]:
        yield f"| {head} | {' | '.join(_share(sets[name][head]) for name in names)} |"
    yield ""


def _reference(study: Mapping[str, Any]) -> Iterator[str]:
    for name, methods in study.get("reference", {}).items():
        yield f"## {name} with all-MiniLM-L6-v2 in place of the shipped encoder\n"
        yield from _rows(methods)


def _semantic_router(study: Mapping[str, Any]) -> Iterator[str]:
    """Nothing where it was not asked."""
    encoders = {
        "the shipped encoder": study.get("semantic_router", {}),
        "all-MiniLM-L6-v2": study.get("semantic_router_reference", {}),
    }
    rows = {
        f"{name}, {encoder}": facts
        for encoder, methods in encoders.items()
        for name, facts in methods.items()
    }
    if not rows:
        return
    yield f"## CLINC150 with semantic-router {VERSION}\n"
    each = ", ".join(f"{facts['ms']:.2f} ms with {name}" for name, facts in rows.items())
    yield (
        "Its IndexedRouter with its defaults, on the same examples and embeddings, and a threshold "
        f"chosen on dev as ours is. Beside the encoder's pass it takes {each}.\n"
    )
    yield from _rows(rows)


def _growth(growth: Mapping[str, Any]) -> Iterator[str]:
    yield "## More agents\n"
    yield (
        "Milliseconds are beside the encoder's pass, the median; tokens are characters / 4. "
        "Agents beyond CLINC's 150 are BANKING77's and made ones.\n"
    )
    yield (
        "| agents | examples | shortlist of 5, ms | two layers, ms | recall@5 | prompt tokens | "
        "prompt tokens with all agents |"
    )
    yield "|---|---|---|---|---|---|---|"
    for facts in growth.values():
        yield (
            f"| {facts['agents']:,} | {facts['examples']:,} | {facts['flat_ms']:.2f} | "
            f"{facts['two_layers_ms']:.2f} | {_share(facts['recall_at_5'])} | "
            f"{facts['shortlist_tokens']:.0f} | {facts['all_tokens']:,} |"
        )
    yield ""


def _placement(placement: Mapping[str, Any]) -> Iterator[str]:
    yield "## New agents\n"
    yield "Held-back intents placed among CLINC's ten domains, five folds.\n"
    yield "| examples of an agent | nearest domain right | domain among the placed | placed in |"
    yield "|---|---|---|---|"
    for examples, facts in placement.items():
        yield (
            f"| {examples} | {_share(facts['nearest'])} | {_share(facts['placed'])} | "
            f"{facts['categories']:.2f} |"
        )
    yield ""


def _cache(cache: Mapping[str, Any]) -> Iterator[str]:
    yield "## Semantic cache\n"
    yield (
        f"A stream of {cache['requests']:,} different test requests, threshold "
        f"{cache['threshold']:.2f} from dev at a bound of {cache['bound']:.0%} wrong hits: "
        f"{_share(cache['hit_rate'])} hits, {_share(cache['wrong_hit_rate'])} of them wrong.\n"
    )


def _language_model(choices: Mapping[str, Any]) -> Iterator[str]:
    """Nothing where no model was asked."""
    if not choices:
        return
    yield "## SmolLM2-135M under the mask\n"
    yield (
        "Requests in scope of CLINC's test split, the five nearest agents as candidates. "
        '"Together" adds the weighted log-probability of the model to the scores.\n'
    )
    yield (
        "| examples | requests | right one listed | similarity | model | together (weight) | "
        "invalid names | prompt tokens | s | tokens with all agents | s |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for examples, facts in choices.items():
        yield (
            f"| {examples} | {facts['requests']} | {_share(facts['in_shortlist'])} | "
            f"{_share(facts['similarity'])} | {_share(facts['language_model'])} | "
            f"{_share(facts['together'])} ({facts['weight']:g}) | {facts['invalid']} | "
            f"{facts['tokens']:.0f} | {facts['seconds']:.2f} | {facts['all_tokens']} | "
            f"{facts['all_seconds']:.2f} |"
        )
    yield ""


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def agents_plot(study: Mapping[str, Any]) -> str:
    """Accuracy in scope over recall out of scope, and what more agents cost, as an <svg>."""
    alt = "Accuracy in scope over recall out of scope; milliseconds and tokens over agents"
    panels = [
        lambda axes: _paint_curves(axes, study["CLINC150"]),
        lambda axes: _paint_milliseconds(axes, study["growth"]),
        lambda axes: _paint_tokens(axes, study["growth"]),
    ]
    return draw_panels("agents", alt, panels, height=3.8)


def _paint_curves(axes: Axes, methods: Mapping[str, Any]) -> None:
    for name, colour in zip(PLOTTED, COLOURS, strict=False):
        curve, facts = methods[name]["curve"], methods[name]
        x = [100 * share for share in curve["out_of_scope_recall"]]
        y = [100 * share for share in curve["in_scope"]]
        axes.plot(x, y, color=colour, label=name)
        axes.plot(100 * facts["out_of_scope_recall"], 100 * facts["in_scope"], "o", color=colour)
    axes.plot(75, 90, "+", color=MUTED, markersize=10)
    axes.plot(80, 93, "+", color=MUTED, markersize=10, label="aims, with 10 and with all examples")
    axes.set_xlabel("CLINC150: out-of-scope requests turned away, %")
    axes.set_ylabel("in-scope requests right, %")
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower left")


def _paint_milliseconds(axes: Axes, growth: Mapping[str, Any]) -> None:
    sizes, facts = _sizes(growth)
    axes.plot(
        sizes, [one["flat_ms"] for one in facts], "o-", color=COLOURS[0], label="all compared"
    )
    axes.plot(
        sizes, [one["two_layers_ms"] for one in facts], "o-", color=COLOURS[1], label="two layers"
    )
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("agents")
    axes.set_ylabel("ms beside the encoder")
    axes.legend(loc="upper left")


def _paint_tokens(axes: Axes, growth: Mapping[str, Any]) -> None:
    sizes, facts = _sizes(growth)
    axes.plot(sizes, [one["all_tokens"] for one in facts], "o-", color=MUTED, label="all agents")
    axes.plot(
        sizes, [one["shortlist_tokens"] for one in facts], "o-", color=COLOURS[0], label="shortlist"
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("agents")
    axes.set_ylabel("prompt tokens")
    axes.legend(loc="upper left")


def _sizes(growth: Mapping[str, Any]) -> tuple[list[int], list[Mapping[str, Any]]]:
    bare = [one for one in growth.values() if not one["examples"]]
    facts = sorted(bare, key=lambda one: int(one["agents"]))
    return [one["agents"] for one in facts], facts
