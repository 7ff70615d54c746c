"""Whether routing paid, in words that do not claim more than the log can tell."""

from __future__ import annotations

from edge_router.settings.dollars import dollars

from .savings import Interval, Savings

__all__ = ["evidence_words", "points", "thousand", "verdict"]


def verdict(savings: Savings | None) -> str:
    """Two or three sentences, the answer first."""
    if savings is None:
        return (
            "There is nothing to judge: a single expert was in play, or the log does not say what "
            "was expected of the others."
        )
    return " ".join([*_beside_coin(savings), _beside_best(savings), _doubt(savings)]).strip()


def _beside_coin(of: Savings) -> list[str]:
    value, low, high = _points(of.gain)
    gain = f"{value:+.1f} points of quality, 95 % interval [{low:+.1f}, {high:+.1f}]"
    how = "at the same cost" if of.usd is not None else "each as often"
    coin = f"a coin, which asks the same experts at random {how}"
    own = "By the router's own estimates, routing" if of.evidence == "estimates" else "Routing"
    if of.paid is False:
        return [f"{own} did not pay: {coin}, would have been as good or better ({gain})."]
    if of.paid is None:
        unsure = f"no better than {coin} ({gain}, which holds zero)"
        return [f"{own} did not pay, as far as this log can tell: it was {unsure}."]
    words = [f"{own} paid: it beat {coin} ({gain})."]
    if of.saved_coin is not None:
        than = (
            f"and no coin is as good; always asking {of.best} costs"
            if of.beyond_coins
            else "and the cheapest coin of the same quality costs"
        )
        words.append(f"It spent {_each(of.usd)}, {than} {thousand(of.saved_coin)} more.")
    return words


def _beside_best(of: Savings) -> str:
    """The best single expert, in dollars and in quality."""
    change = f"{points(of.better_than_best)} points of quality"
    if of.saved_best is None:
        return f"Beside always asking {of.best}, the best single expert, it has {change}."
    saved = of.saved_best
    spent = f"saved {thousand(saved)}" if saved.value >= 0 else f"cost {thousand(_negated(saved))}"
    end = "per 1,000 queries" if saved.value >= 0 else "more per 1,000 queries"
    return f"Beside always asking {of.best}, the best single expert, it {spent} {end}, at {change}."


def _doubt(of: Savings) -> str:
    if of.evidence == "estimates":
        return (
            "Nothing here shows that these estimates are right: score answers with edge-router "
            "feedback, and set exploration = 0.1, and this report can tell."
        )
    if of.evidence == "scores" and of.paid is not None:
        return (
            "Answers that were not given are judged by estimates, corrected by the scores; with "
            "exploration = 0.1 they would be judged by scores, too."
        )
    return ""


def evidence_words(of: Savings) -> str:
    """What the qualities rest on, with counts."""
    scores = f"{of.scored:,} of {of.answers:,} answers have a score"
    if of.evidence == "estimates":
        return f"Quality is what the router itself expected: {scores}, too few to correct it."
    tuned = ", ".join(of.tuned)
    corrected = f"; the estimates of {tuned} are corrected by them" if tuned else ""
    words = f"Quality is the score where there is one ({scores}), else an estimate{corrected}."
    if of.evidence == "exploration":
        words += (
            f" {of.drawn:,} scored answers came from experts that a draw had chosen (exploration): "
            "these are weighted by the inverse of the logged probability of asking them, and stand "
            "for answers that other experts would have given."
        )
    return words


def points(of: Interval) -> str:
    """Points of quality (0..100) with their interval."""
    value, low, high = _points(of)
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"


def _points(of: Interval) -> tuple[float, ...]:
    """Of 100, to a tenth; "-0.0" is no news."""
    return tuple(round(100 * one, 1) + 0.0 for one in (of.value, of.low, of.high))


def thousand(of: Interval) -> str:
    """Dollars per 1,000 queries with their interval."""
    ends = f"{dollars(1000 * of.low)}, {dollars(1000 * of.high)}"
    return f"{dollars(1000 * of.value)} [{ends}]"


def _each(of: Interval | None) -> str:
    return "nothing" if of is None else f"{dollars(1000 * of.value)} per 1,000 queries"


def _negated(of: Interval) -> Interval:
    return Interval(-of.value, -of.high, -of.low)
