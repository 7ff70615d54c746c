"""Words for the stable reasons of logged answers."""

from __future__ import annotations

from edge_router.routing.deciding.reason import PREFERRED, RULED_OUT, STATED, Reason

__all__ = ["reason_words"]

OF_ANSWERS = {  # codes of `AnswerRecord.reason` that no decision has
    "": "not logged: a row of an older version",
    "cached": "the same was asked before, and the answer was kept",
    "cancelled": "the caller ended the answer",
    "broken": "the answer broke off",
    "fallback": "the expert asked first failed, this one stepped in",
    "context_exceeded": "the request did not fit the context of the first, this one had room",
    "hedged": "this one was asked beside a slow one, and was faster",
    "deferred": "a local answer looked bad and was handed over",
    Reason.CHEAPEST_IS_ENOUGH: "no dearer expert was expected to gain enough",
    Reason.GAIN_IS_WORTH_IT: "the expected gain in quality was worth the price",
    Reason.LEAST_QUALITY: "a cheaper expert was expected below the least quality",
    Reason.SAME_EXPERT: "the conversation stays where it was: switching would gain too little",
    Reason.EXPLORATION: "drawn at random, to learn from the answer",
}


def reason_words(code: str) -> str:
    """The meaning of a code, or that this version does not know the code."""
    if code in OF_ANSWERS:
        return OF_ANSWERS[code]
    try:
        reason = Reason(code)
    except ValueError:
        return "a code of another version"
    if reason in RULED_OUT:
        return f"another expert was wanted, but {RULED_OUT[reason]}"
    return STATED.get(reason) or PREFERRED.get(reason) or reason.replace("_", " ")
