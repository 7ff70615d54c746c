"""A report as sections of text, tables and figures; terms are explained at their first use."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from edge_router.settings.dollars import dollars

from ..page.content import NOTHING, Figure, Section, Table
from .chart import cost_quality_chart, shares_chart
from .reason_words import reason_words
from .report import Report
from .savings import Savings
from .verdict import evidence_words, points, thousand

__all__ = ["opening", "sections"]

SECONDS = ("p50", "p95", "p99")
COIN = (
    "A coin asks each expert with a fixed probability, whatever the query; it needs no router. "
    "Of all coins that cost as much as routing did, the best one is compared. Quality is the "
    "chance of a good answer, in points of 100. Brackets hold 95 % intervals: of 2,000 logs "
    "drawn from this one, 95 % lie between these ends (bootstrap)."
)
DOLLARS = (
    "Dollars are what the answers cost by the settings' prices, all experts asked for them "
    "counted. Expected quality is the router's estimate before the answer, the score what was "
    "said of it afterwards."
)
REASON = (
    "Each answer has a reason, a stable code: programs may rely on it. It is the decision's, "
    "unless something happened after it."
)
WAITING = (
    "Seconds from the call until the first token and until the whole answer, of answers that "
    "came to their end. p95 means: 95 of 100 answers were faster."
)
DRIFT = (
    "Drift: the queries are no longer like those that the router was made with, and what its "
    "operating point promises may not hold. A p value is how often queries that did not drift "
    "look at least as different."
)
CACHED = (
    "An expert that still has a conversation in its cache reads only what is new. In the cloud the "
    "discount on what was read before comes off the dollars above."
)
READING = (
    "On this device reading again costs no dollars but time and energy: the seconds until the "
    "first token, at what the settings say that an hour of this machine and a second of waiting "
    "are worth. A dash: the expert does not say how much it had read before, or its price is not "
    "known."
)
SHADOW = (
    "The setting shadow decides each query a second time, by another operating point, and only "
    "writes down its choice."
)


def opening(report: Report) -> str:
    """What the page is of, and the answer to whether routing paid."""
    return f"{report.answers:,} answers, {_period(report)}. {report.verdict}"


def sections(report: Report) -> list[Section]:
    """All of them, in the order of the page."""
    parts = [_paid(report), _who(report), _why(report), _how_long(report), _read(report)]
    if report.shadow is not None:
        parts.append(_shadow(report))
    return [*parts, _drift(report), _counted(report)]


def _paid(report: Report) -> Section:
    savings, title = report.savings, "Did routing pay?"
    if savings is None:
        return Section(title, (report.verdict,))
    text = (
        COIN,
        evidence_words(savings),
    )
    blocks: list[Table | Figure] = [_comparison(savings)]
    if savings.usd is not None:
        draw = partial(cost_quality_chart, savings)
        words = "Quality over dollars. The dashed line is what coins reach; routing pays above it."
        blocks.append(Figure(words, words, draw))
    return Section(title, text, tuple(blocks))


def _comparison(of: Savings) -> Table:
    rows = [
        (
            "routing",
            f"{100 * of.quality.value:.1f}",
            NOTHING if of.usd is None else dollars(1000 * of.usd.value),
            "",
        )
    ]
    for one, share in zip(of.singles, of.shares, strict=True):
        usd = NOTHING if one.usd is None else dollars(1000 * one.usd)
        rows.append(
            (f"always {one.name}", f"{100 * one.quality:.1f}", usd, f"answered {share:.0%}")
        )
    rows.append(("routing less the coin at equal cost", points(of.gain), "0", ""))
    if of.saved_coin is not None:
        note = "no coin is as good" if of.beyond_coins else "more, for a coin of equal quality"
        rows.append(("saved against a coin", "0", thousand(of.saved_coin), note))
    if of.saved_best is not None:
        best = points(of.better_than_best)
        rows.append((f"saved against always {of.best}", best, thousand(of.saved_best), ""))
    header = ("", "quality, points", "dollars per 1,000 queries", "")
    muted = frozenset(range(1, 1 + len(of.singles)))
    return Table("Routing, single experts and coins", header, tuple(rows), muted)


def _who(report: Report) -> Section:
    header = ("expert", "answers", "share", "dollars", "expected quality", "mean score", "notes")
    rows = tuple(
        (
            one.name,
            f"{one.answers:,}",
            f"{one.share:.1%}",
            dollars(one.usd),
            f"{one.expected:.1%}",
            NOTHING if one.score is None else f"{one.score:.1%} of {one.scored:,}",
            "; ".join(_notes(one.stepped_in, one.ended_early, one.unpriced)) or "",
        )
        for one in report.experts
    )
    text = (DOLLARS,)
    shares = [(one.name, one.share) for one in report.experts]
    figure = Figure("Share of answers", "Share of answers", partial(shares_chart, shares))
    return Section("Who answered", text, (figure, Table("By expert", header, rows)))


def _notes(stepped_in: int, ended_early: int, unpriced: int) -> Iterator[str]:
    if stepped_in:
        yield f"{stepped_in:,} in place of another"
    if ended_early:
        yield f"{ended_early:,} cancelled or broken off"
    if unpriced:
        yield f"{unpriced:,} of unknown cost"


def _why(report: Report) -> Section:
    rows = tuple(
        (one.reason or NOTHING, one.expert, f"{one.answers:,}", reason_words(one.reason))
        for one in report.reasons
    )
    text = (REASON,)
    table = Table("Reasons", ("reason", "expert", "answers", "meaning"), rows)
    return Section("Why it answered", text, (table,))


def _how_long(report: Report) -> Section:
    header = ("expert", *(f"first token {p}" for p in SECONDS), *(f"whole {p}" for p in SECONDS))
    rows = tuple(
        (one.name, *_seconds(one.first_token_s), *_seconds(one.total_s)) for one in report.experts
    )
    text = (WAITING,)
    return Section("How long it took", text, (Table("Seconds", header, rows),))


def _seconds(of: tuple[float, ...] | None) -> tuple[str, ...]:
    if of is None:
        return (NOTHING,) * len(SECONDS)
    return tuple(f"{value:.2f}" if value < 10 else f"{value:.0f}" for value in of)


def _read(report: Report) -> Section:
    header = ("expert", "tokens read", "read before", "discount", "waiting for the first token")
    rows = []
    for one in report.reading:
        cached = f"{one.cached:,}" if one.told else NOTHING
        saved = NOTHING if one.cached_saved_usd is None else dollars(-one.cached_saved_usd)
        wait = NOTHING
        if one.read_s is not None and one.read_usd is not None:
            wait = f"{one.read_s:,.0f} s, worth {dollars(one.read_usd)}"
        rows.append((one.name, f"{one.tokens:,}", cached, saved, wait))
    share = f"{report.cached_share:.0%} of a new one (--cached-share)"
    text = (CACHED, f"A token that was read before is taken to cost {share}.", READING)
    return Section("Reading again", text, (Table("Tokens", header, tuple(rows)),))


def _shadow(report: Report) -> Section:
    shadow = report.shadow
    assert shadow is not None
    usd = "" if shadow.usd is None else f", {_signed(1000 * shadow.usd)} per 1,000 queries"
    differs = (
        f"Of {shadow.answers:,} queries it would have asked another expert for {shadow.differs:,} "
        f"({shadow.differs / shadow.answers:.1%}). By the router's own estimates that is "
        f"{100 * shadow.quality:+.2f} points of quality{usd}, {shadow.seconds:+.2f} s a query."
    )
    moves = sorted(shadow.moves.items(), key=lambda move: -move[1])
    rows = tuple((words, f"{count:,}") for words, count in moves)
    return Section(
        "The shadow", (SHADOW, differs), (Table("Other choices", ("from, to", "queries"), rows),)
    )


def _signed(usd: float) -> str:
    return dollars(usd) if usd < 0 else f"+{dollars(usd)}"


def _drift(report: Report) -> Section:
    title = "Are queries like those the router knows?"
    if not report.drift:
        return Section(title, (report.drift_unknown or "Not looked at.",))
    text = (DRIFT,)
    rows = tuple(
        (str(number), "drift" if one.alarm else "no drift", f"{one.p_value:.2g}", one.words)
        for number, one in enumerate(report.drift, 1)
    )
    table = Table("The last stretches of queries", ("stretch", "", "p", "in words"), rows)
    return Section(title, text, (table,))


def _counted(report: Report) -> Section:
    text = [f"{report.answers:,} rows of the log count, {_period(report)}."]
    if report.unreadable:
        text.append(f"{report.unreadable:,} could not be read; the first: {report.fault}.")
    if report.times_back:
        text.append(
            f"The clock went back {report.times_back:,} times: dates are as it said, and the order "
            "is that of arrival."
        )
    savings = report.savings
    if savings is not None and savings.left_out:
        text.append(
            f"{savings.left_out:,} rows count for nothing in the question whether routing paid: "
            "they came from a cache, or not every expert was compared for them."
        )
    if savings is not None and savings.usd is None:
        text.append(
            "The price of an expert is not known, so dollars are not compared; state "
            "input_usd_per_million and output_usd_per_million in its settings."
        )
    return Section("What was counted", tuple(text))


def _period(report: Report) -> str:
    first, last = _day(report.first), _day(report.last)
    return f"of {first}" if first == last else f"from {first} to {last}"


def _day(seconds: float) -> str:
    """The UTC date; words for a time that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return "no date"
