"""Words by which a text says of itself that others are not to read it: marks, and asked secrecy.

What is confidential by its meaning alone, such as a plan in plain words, has no such words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from edge_router.chat.private_data import PrivateKind

from .finding import Finding
from .readable import words_as_read

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
_LABEL = (
    r"(?:(?:strictly|highly|company|commercial(?:ly)?|private (?:and|&)|privileged (?:and|&)"
    r"|internal (?:and|&)|proprietary"
    r" (?:and|&))[ -])?confidential|top secret|internal(?: use)? only|for internal (?:use|eyes"
    r"|circulation)(?: only)?"
    r"|not for (?:distribution|publication|circulation|external use|(?:public )?release)|(?:for"
    r" )?your eyes only"
    r"|streng vertraulich|vertraulich|nur (?:für den internen gebrauch|intern)|verschlusssache"
    r"|nicht weitergeben"
    r"|(?:strictement )?confidentiel(?:le)?|(?:à )?usage interne|ne pas diffuser"
    r"|(?:estrictamente )?confidencial"
    r"|(?:para )?uso interno|no difundir|não divulgar|(?:strettamente )?riservat[oa]|non divulgare"
    r"|(?:strikt )?vertrouwelijk|voor intern gebruik|(?:ściśle )?poufne|tajne|do użytku"
    r" wewnętrznego"
    + words_as_read("|(?:строго )?конфиденциально|для служебного пользования|совершенно секретно")
)
_ASIAN = (
    "社外秘|部外秘|这是机密|これは秘密|極秘|机密文件|机密资料|内部资料"
    "|请勿外传|严禁外传|对外保密|不要告诉任何人|誰にも言わないで|他言無用|비공개 문서|대외비"
)
_MARKS = tuple(
    re.compile(rf"(?i){pattern}")
    for pattern in (
        # a label: at the beginning of a line, with nothing but punctuation behind it
        (
            rf"(?<![^\n])[ \t>*_#\[(\"'-]{{0,8}}(?:{_LABEL})(?![^\W_])(?=["
            rf" \t]{{0,2}}(?:[\])*_\"']{{0,4}}[:.!;,–—\-\r\n/|]|[\])*_\"']|$))"
        ),
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
            r"(?<!\w)(?:(?:nota|borrador|informe|documento|correo|rascunho|relatório|bozza"
            r"|documento"
            r"|memorando?) "
            r"(?:estrictamente |strettamente )?(?:confidencial|riservat[oa])"
            r"|vertraulich(?:e[rsn]?)?"
            r" (?:entwurf|notiz|unterlage|bericht"
            r"|memo|protokoll|information)\w*|(?:note|brouillon|rapport|document|projet)"
            r" (?:strictement )?confidentiel(?:le)?)(?!\w)"
        ),
        (
            rf"(?<!\w){_WHAT}(?: {_PAPER})? (?:is|are|remains?|stays?|must (?:be|stay|remain)"
            rf"|should"
            rf" (?:be|stay|remain)|has to (?:be|stay)) "
            r"(?:\w+ )?(?:confidential|privileged|embargoed|off the record|not (?:yet )?public"
            r"|under"
            r" (?:nda|embargo))(?!\w)"
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
            r"(?<!\w)(?:nobody|no[ -]?one) (?:else|outside (?:\w+ ){1,4}?)[ ]?(?:knows|has (?:been"
            r" told|seen|heard)|(?:should|must|may|is to|can) (?:know|see|hear))(?!\w)"
        ),
        (
            r"(?<!\w)(?:nobody|no[ -]?one|none of them|the (?:staff|team|press|public|employees))"
            r" (?:knows?|(?:has|have) been told|(?:has|have) heard)"
            r"(?: about)?(?: this| it| of (?:it|this))? yet(?!\w)"
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
            r"(?<!\w)(?:told|confided|said|shared|informed)(?: \w+){0,3} in confidence(?!\w)"
            r"|(?<!\w)sworn to secrecy(?!\w)"
        ),
        (
            r"(?<!\w)(?:has not|hasn['’]t|have not|haven['’]t|is not|isn['’]t|not|are not"
            r"|aren['’]t)"
            r" (?:been |yet )?(?:yet )?(?:been )?"
            r"(?:announced|public|made public|disclosed)(?: yet)?(?= (?:to|yet|until|before)"
            r"|[.,;:!]"
            r"|$)|(?<!\w)before (?:we|they) (?:announce|go public)(?!\w)"
        ),
        (
            r"(?<!\w)(?:sag(?:t|en)? (?:es|das|bitte)? ?(?:bitte )?niemande[mn]|erzähl\w* (?:es "
            r"|das"
            r" )?(?:bitte )?niemande[mn]|niemandem (?:sagen"
            r"|erzählen|weitersagen)|bleibt unter uns|vertraulich (?:behandeln|bleiben|zu"
            r" behandeln)"
            r"|darf niemand (?:wissen|erfahren)"
            r"|(?:weiß|wissen) (?:sonst |noch )niemand|noch nicht (?:öffentlich|angekündigt)|nicht"
            r" an dritte weiter\w*)(?!\w)"
        ),
        (
            r"(?<!\w)(?:n['’]en parle[zr]? à personne|ne (?:le |la )?(?:dis|dites|dire)\w* à"
            r" personne|reste entre nous|personne (?:d['’]autre )?n['’]est au courant"
            r"|pas encore (?:annoncé|rendu public)\w*|garde[rz]? (?:ça|cela|ceci) (?:pour toi|pour"
            r" vous|secret))(?!\w)"
        ),
        (
            r"(?<!\w)(?:no (?:se )?(?:lo|la) (?:digas|cuentes|diga|cuente|digan|cuenten) a nadie"
            r"|que"
            r" no se lo (?:diga|cuente) a nadie|queda entre nosotros"
            r"|nadie (?:más )?lo sabe|aún no (?:es público|se ha anunciado)|todavía no (?:es"
            r" público"
            r"|se ha anunciado)"
            r"|não (?:conte|diga|contes|digas) a ninguém|fica entre nós|non (?:dirlo|dire"
            r"|raccontarlo) a nessuno|resti tra noi)(?!\w)"
        ),
        words_as_read(
            r"(?<!\w)(?:никому не (?:говори|рассказывай|показывай)\w*|(?:это )?между"
            r" нами|не для распространения|не разглашать)(?!\w)"
        ),
        r"(?<!\w)(?:(?:das|dies|es) (?:ist|bleibt) (?:\w+ )?vertraulich|(?:c['’]est|ceci est"
        r"|cela reste) (?:\w+ )?confidentiel|(?:esto|eso) es (?:\w+ )?"
        r"confidencial|iss?[ot] é (?:\w+ )?confidencial|questo è (?:\w+ )?riservato|dit is"
        r" (?:\w+ )?vertrouwelijk|to jest (?:\w+ )?poufne|"
        + words_as_read("это (?:\\w+ )?(?:конфиденциально|секрет)")
        + r")(?!\w)",
        _ASIAN,
    )
)
STEMS = (  # of what is looked for: most texts have none
    "confiden", "secre", "intern", "eyes only", "vertrau", "weiter", "verschluss", "diffus",
    "difund", "divulg", "riserv", "vertrouw", "poufn", "tajn", "wewn", "privileged", "nda",
    "embargo", "proprietary", "unannounced", "unpublished", "unreleased", "share", "sharing",
    "distribut", "circulat", "forward", "disclos", "leak", "publi", "repeat", "mention", "reveal",
    "show", "tell", "told", "inform", "else", "yet", "keep ", "between", "announce", "niemand",
    "unter uns", "personne", "entre", "pas encore", "garde", "nadie", "ninguém", "nessuno",
    "tra noi", "и", "ж", "ш", "л", "noch nicht", "off the record", "aún no", "todavía no",
    *_ASIAN.split("|"),
)  # fmt: skip


def markings(text: str) -> Iterator[Finding]:
    """The words that mark a text as confidential, each finding one of them."""
    lower = text.lower()
    if any(stem in lower for stem in STEMS):
        for mark in _MARKS:
            for match in mark.finditer(text):
                yield Finding(match.start(), match.end(), PrivateKind.MARKED)
