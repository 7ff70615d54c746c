"""Words by which a text says of itself that others are not to read it: marks, and asked secrecy.

What is confidential by its meaning alone, such as a plan in plain words, has no such words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from edge_router.chat.private_data import PrivateKind

from .finding import Finding
from .words.markings import ANYWHERE, LABELS, SAYINGS
from .words.table import any_of, listed, stems

__all__ = ["markings"]

_WHAT = (
    r"(?:this|it|that|these|which|the (?:following|attached|above|below)|attached|everything"
    r"|all of (?:this|it))"
)
_PAPER = (
    r"(?:drafts?|memo(?:randum)?s?|reports?|notes?|documents?|minutes|briefings?|papers?|decks?"
    r"|briefs?|letters?"
    r"|files?|summary|plans?|proposals?|offers?|messages?|e-?mails?|figures|numbers|data"
    r"|information|client|source)"
)
_PEOPLE = (
    r"(?:any ?one|any ?body|a soul|others|the (?:press|media|public|staff|team|board|employees"
    r"|workers|customers"
    r"|clients|tenants|investors|family|kids|children|\w+ (?:office|team|staff))"
    r"|my (?:wife|husband|partner|boss|manager|parents|mother|father|colleagues|coworkers"
    r"|employer|team|family))"
)
_SPREAD = r"(?:share|distribute|circulate|forward|disclose|leak|publish|repeat|mention|reveal|show)"
_SPREADING = (
    r"(?:shared|distributed|circulated|forwarded|disclosed|leaked|published|repeated|revealed"
    r"|shown)"
)
_LABEL = any_of(LABELS, before="")
_MARKS = tuple(
    re.compile(rf"(?i){pattern}")
    for pattern in (
        (
            r"(?<![\w])(?:strictly|highly|company|commercially) confidential(?=[ \t]?[:.,;!)\n\-–—]"
            r"|$)"
        ),
        r"(?<!\w)(?:privileged (?:and|&) confidential|attorney[- ]client privileged)(?!\w)",
        # a paper that is called so
        (
            rf"(?<![\w])(?:this|our|my|the (?:attached|following|enclosed|above)) (?:\w+"
            rf" )?confidential (?:\w+ )?{_PAPER}(?!\w)"
        ),
        rf"(?<![^\n.!?] )(?<![^\s])confidential (?:\w+ )?{_PAPER}(?=[ \t]?:)",
        (
            rf"(?<!\w){_WHAT}(?: {_PAPER})? (?:is|are|remains?|stays?|must (?:be|stay|remain)"
            rf"|should"
            rf" (?:be|stay|remain)|has to (?:be|stay)) "
            r"(?:\w+ )?(?:confidential(?! computing)|privileged|embargoed|off the record"
            r"|not (?:yet )?public|under (?:nda|embargo))(?!\w)"
        ),
        (
            r"(?<!\w)(?:our|(?:my|the) (?:company|employer|client|firm|team|boss)['’]?s?) (?:own "
            r"|new |still )?"
            r"(?:proprietary|confidential|unannounced|unpublished|unreleased|trade secret)s?(?!\w)"
        ),
        (
            r"(?<!\w)(?:(?:under )?embargo(?:ed)? until|under (?:an? |strict |our )?nda|(?:covered"
            r"|protected|bound) by (?:an?|our|the|my) "
            r"(?:strict )?(?:nda|non-disclosure|confidentiality))(?!\w)"
        ),
        # that it is not to be passed on
        (
            rf"(?<!\w)(?:do not|don['’]t|never|must not|may not|please not) {_SPREAD} (?:this|it"
            rf"|that|these|any of (?:this|it))(?: {_PAPER})?(?= (?:with|to|outside|beyond|until|yet"
            rf"|before|further"
            r"|externally)(?!\w)|[ \t]?[.,:;!?)\n]|$)"
        ),
        (
            rf"(?<!\w)(?:not|never|must not|may not|cannot|can['’]t) (?:to )?(?:be )?{_SPREADING}"
            rf" (?:\w+ ){{0,2}}?(?:outside|externally"
            rf"|beyond|(?:to|with) {_PEOPLE})(?!\w)"
        ),
        (
            rf"(?<!\w)(?:not|never|don['’]t|didn['’]t|won['’]t|n['’]t|haven['’]t|hasn['’]t|without)"
            rf" (?:to )?(?:tell(?:ing)?|told|inform(?:ed|ing)?"
            rf"|(?:share|mention|show|say|sharing|mentioning) (?:this |it |that |anything )?(?:to"
            rf"|with)) {_PEOPLE}(?!\w)"
        ),
        (
            r"(?<!\w)(?:nobody|no[ -]?one) (?:else|outside (?:\w+ ){1,4}?)[ ]?"
            r"(?:knows(?! (?:how|why|what|where))|has (?:been"
            r" told|seen|heard)|(?:should|must|may|is to|can) (?:know|see|hear))(?!\w)"
        ),
        (
            r"(?<!\w)(?:nobody|no[ -]?one|none of them|the (?:staff|team|press|public|employees))"
            r" (?:knows?|(?:has|have) been told|(?:has|have) heard)"
            r"(?: about)?(?: this| it| of (?:it|this))? yet(?! (?:whether|if|how|why)(?!\w)|\w)"
        ),
        (
            r"(?<!\w)keep (?:this|it|that|these|the news|everything)(?: \w+)? (?:to (?:yourself"
            r"|ourselves|the \w+ ?\w* ?"
            r"(?:team|board|group|committee|circle))|between (?:us|you and me|the two of us)"
            r"|confidential|(?:a |strictly )secret|secret(?=[.,:;!\n]|$)"
            r"|quiet|under wraps|off the record|in confidence|in-house|within the \w+)(?!\w)"
        ),
        (
            r"(?<!\w)(?:just|strictly|stays?|remains?) between (?:us|you and me)|(?<!\w)between you"
            r" and me(?!\w)|(?<!\w)in strict confidence(?!\w)"
        ),
        (
            r"(?<!\w)(?:told|telling|confided|said|shared|informed)(?: \w+){0,3} in confidence"
            r"(?!\w)|(?<!\w)sworn to secrecy(?!\w)"
        ),
        (
            r"(?<!\w)(?:has not|hasn['’]t|have not|haven['’]t|is not|isn['’]t|not|are not"
            r"|aren['’]t)"
            r" (?:been |yet )?(?:yet )?(?:been )?"
            r"(?:announced|public|made public|disclosed)(?: yet)?(?= (?:to|yet|until|before)"
            r"|[.,;:!]"
            r"|$)|(?<!\w)before (?:we|they) (?:announce|go public)(?!\w)"
        ),
    )
)
STEMS = (  # of what is looked for: most texts have none
    "confiden", "secre", "intern", "eyes only", "privileged", "nda", "private", "classified",
    "embargo", "proprietary", "unannounced", "unpublished", "unreleased", "share", "sharing",
    "distribut", "circulat", "forward", "disclos", "leak", "publi", "repeat", "mention", "reveal",
    "show", "tell", "told", "inform", "else", "yet", "keep ", "between", "announce", "copy",
    "off the record",
)  # fmt: skip
_LABELLED = (
    re.compile(  # a label at the beginning of a line, with nothing but punctuation behind it
        rf"(?i)(?<![^\n])[ \t>*_#\[(\"'\-【「《]{{0,8}}{_LABEL}(?![^\W_])"
        r"(?=[ \t]{0,2}(?:[\])*_\"'】」》]{0,4}[:.!;,–—\-\r\n/|]|[\])*_\"'】」》]|$))"
    )
)
_SAYINGS = re.compile("(?i)" + any_of(SAYINGS, before=r"(?<!\w)", behind=r"(?!\w)"))
_ANYWHERE = tuple(one.replace("\\ ", " ") for one in listed(ANYWHERE))
_EVERYWHERE = re.compile("|".join(map(re.escape, _ANYWHERE)))
_STEMS_OF_LABELS, _STEMS_OF_SAYINGS = stems(LABELS), stems(SAYINGS)


def markings(text: str) -> Iterator[Finding]:
    """The words that mark a text as confidential, each finding one of them."""
    lower = text.lower()
    for wanted, patterns in (
        (STEMS, _MARKS),
        (_STEMS_OF_LABELS, (_LABELLED,)),
        (_STEMS_OF_SAYINGS, (_SAYINGS,)),
        (_ANYWHERE, (_EVERYWHERE,)),
    ):
        if any(stem in lower for stem in wanted):
            for pattern in patterns:
                for match in pattern.finditer(text):
                    yield Finding(match.start(), match.end(), PrivateKind.MARKED)
