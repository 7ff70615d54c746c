"""Keys and passwords: by their issuers' prefixes, by what names them, and by looking random."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from edge_router.chat.private_data import PrivateKind

from .finding import Finding
from .readable import words_as_read
from .words.issuers import ISSUED
from .words.passwords import CODES, LINKS, PASSWORDS
from .words.table import any_of, listed, stems

__all__ = ["issued_keys", "secrets"]

_W = r"(?<![A-Za-z0-9])"
_ISSUED = re.compile(rf"{_W}(?:{'|'.join(ISSUED)})")
_LINE = r"(?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
_BLOCK = re.compile(
    rf"-----BEGIN {_LINE}[\sA-Za-z0-9+/=:,]{{0,8192}}(?:-----END {_LINE})?|-----END {_LINE}"
)
_LOGIN = re.compile(  # of an address: scheme://user:password@host
    r"(?<![A-Za-z0-9+.\-])[A-Za-z][A-Za-z0-9+.\-]{1,15}://[^\s:/@'\"<>]{0,128}:([^\s/@'\"<>]{1,128})@"
)
_HOOK = re.compile(
    r"hooks\.slack\.com/(?:services|workflows)/[\w/]{8,128}"
    r"|discord(?:app)?\.com/api/webhooks/[\w/\-]{8,160}"
)
_BEARER = re.compile(
    r"(?i:(?<![a-z])(?:bearer|basic|token|apikey))[ \t]{1,4}([\w.~+/\-]{16,512}={0,2})"
)

_PASSWORD = any_of(PASSWORDS, before=r"(?<![^\W\d_])")
_CODE_WORD = any_of(CODES, before=r"(?<![^\W\d_])")
_NAMES = (
    r"pass(?:word|wd|phrase|code|wort)|pwd|secret|credentials?|api[_\- ]?key|(?:access|private"
    r"|signing|encryption|master|license|account|storage)[_\- ]?key|tok(?:en)?|auth"
    r"|client[_\- ]?secret|pin|passkey|otp|geheimnis|schl(?:ü|ue?)ssel|clave|"
    + "|".join(words_as_read(word) for table in PASSWORDS.values() for word in listed(table))
)
_NAME = re.compile(
    rf"(?i)(?:{_NAMES}|[a-z0-9](?:_key|_pass|_pw)|^(?:pass|pw))"
    r"(?:[_\-][\w\-]{0,24}|(?-i:[A-Z])\w{0,24}|s?[0-9]{0,3})$"
)
_ASSIGNED = re.compile(  # api_key = "...", DB_PASSWORD: ..., "apiKey": "..."
    r"(?<![\w\-])([\w\-]{2,64}|" + _PASSWORD + r")[\"'\])]{0,2}[ \t]{0,8}(?:=>|:=|[=:])[ \t]{0,8}"
    r"(?:([\"'`])([^\"'`\r\n]{4,256})\2|([^\s\"'`,;]{6,256}))"
)
_SAID = re.compile(rf"(?i:(?<![^\W\d_])(?:{_NAMES}|key|webhook)s?(?![^\W_])|{_PASSWORD}|密钥)")
_KNOWN = re.compile(  # words with digits that stand behind "the password is"
    r"(?i)(?:sha|md|base|utf|aes|rsa|ipv|http|oauth|tls|ssl|web|step|part|line|page|room|level"
    r"|rule|v|ed|x|pbkdf|argon|log4j"
    r"|ascii|latin|bcrypt|scrypt)[\-_]?[0-9]{1,5}\w{0,10}(?:-\w+)?|[0-9]+\w{0,4}(?:-\w+)*"
)
_UNSAID = re.compile(  # what is said about a password in quotes, and is none
    r"(?i)(?:(?:too|not|very|at|is|already|no|the|an?|must|should|your|in)\b.*|required"
    r"|incorrect|wrong|invalid|empty|missing|weak"
    r"|strong|expired|correct|null|none|default|password|unknown|secret|hidden|blank|insecure"
    r"|encrypted|hashed|plain ?text)"
)
_LINK = "|".join(map(words_as_read, listed(LINKS)))
_IS = re.compile(  # the password is hunter2, das Passwort lautet "drei rote Hunde"
    rf"(?i:{_PASSWORD}|(?<![^\W\d_])pass(?=[:=]))"
    r"(?:[ ](?i:for|of|to|del?|du|des|für|fürs|vom|zum|da|do|per|от|для|på)"
    r"(?:[ ](?i:the|my|la|le|el|il|das|den|die|o|a))?[ ]\w{2,16}(?!\w))?"
    rf"[ \t]{{0,3}}((?i:{_LINK})(?:[ \t]{{1,3}}(?i:now|jetzt|still)(?!\w))?|[:=—–\-])?[ \t:]{{0,4}}"
    r"(?:[\"“„«`']([^\"“”„«»`'\r\n]{6,64})[\"”“»`']|([^\s\"'`,;:=<>]{6,64}))"
)
_SIMPLE = re.compile("(?=[a-z]*[0-9])(?=(?:[0-9]*[a-z]){3})[a-z0-9]{6,32}")  # sommer24
_ENDS = re.compile(r"[ \t]*(?:$|[\n,;)])")
_CODE_SAID = re.compile(  # the door code is 4471, CVV 382
    rf"(?i){_CODE_WORD}(?:[^\w\n]{{1,4}}(?:(?:{_LINK}|nr|no|number)[^\w\n]{{1,3}}){{0,2}}"
    rf"|[是は는은])[ ]?([0-9]{{2,4}}(?:[ \-][0-9]{{2,4}}){{1,5}}|[0-9]{{3,24}})(?![A-Za-z0-9])"
)
_WRITTEN = tuple(  # where programs and files have a password
    map(
        re.compile,
        (
            r"(?<!\S)(?:-u|--user|--proxy-user|-U)[ =]?[\"']?[^\s:\"'$<]{1,64}:([^\s\"'$<]{3,128})",
            (
                r"(?<![\w\-])(?:mysql\w{0,8}|mariadb\w{0,8}|sshpass|docker login|redis-cli|openssl)"
                r"(?= )[^\n|;]{0,80}? -(?:p|a|k|pass pass:)(?![0-9]+(?:\s|$))"
                r"[ ]?[\"']?([^\s\"'$<]{4,128})"
            ),
            r"(?<!\S)login[ \n]\S{1,64}[ \n]password[ ](\S{4,128})",
            (
                r"(?i)(?<![^\W_])(?:totp|otp|2fa|mfa|authenticator)[ _\-](?:secret|seed|key)\W{1,4}"
                r"(?:is )?((?-i:[A-Z2-7]{16,64}))(?!\w)"
            ),
            r"(?<!\w)WIFI:[^\n]{0,80}?P:([^;\n]{4,63});",
            (
                r"(?i)<(?:\w{1,16}:)?[\w\-]{0,24}(?:password|passwd|secret|token|api[_\-]?key)>"
                r"([^<\n]{4,256})</"
            ),
            (
                r"(?i)[?&](?:access_token|auth_token|token|api_?key|sig|signature|secret|password|pwd"
                r"|auth)=([^\s&#\"'<>]{8,512})"
            ),
            r"(?i)cookie:[^\n]{0,200}?(?:sess|sid|auth|token)\w{0,16}=([^\s;,]{16,512})",
        ),
    )
)
_SCHEMELESS = re.compile(  # root:password@host
    r"(?<![\w/.\-])[a-z_][\w.\-]{0,31}:([^\s:@/'\"<>]{4,64})@(?=[\w\-]{1,63}(?:[.:]|$))"
)
_SEED = re.compile(
    r"(?i:(?<![^\W\d_])(?:(?:seed|recovery|mnemonic|backup|wallet|btc|bitcoin|eth|ethereum|ledger"
    r"|trezor|metamask|crypto)[ \-](?:phrase|words?|seed)"
    r"|mnemonic|(?:12|15|18|21|24)[ \-]words?))[^a-zA-Z\n]{0,4}"
    r"(?:(?i:is|are|ist|lautet)[^a-z\n]{1,3})?((?:[a-z]{3,8}[ ,\n]{1,2}){11,23}[a-z]{3,8})(?![a-z])"
)
_KEY_0X = re.compile(
    r"(?i)(?<![^\W\d_])priv(?:ate)?[ _\-]?key\W{1,8}(?:is\W{1,3})?((?:0x)?[0-9a-f]{64})(?![0-9a-f])"
)
_OF_TOKENS = re.compile(r"(?i)tokens|token_(?:s|count|id|ids|type|limit|usage)$")  # how many
_INDEXED = re.compile(r"[A-Za-z_][\w.]*\[.*")  # Sequence[int]
_OF_DIGITS = re.compile(rf"(?i)pin|pass|otp|{_PASSWORD}")  # which a number of digits may be
_TOKEN = re.compile(r"[^\s\"'`,;:=「」]{4,256}")
_END_OF_SENTENCE = re.compile(r"[.!?。][ \n]|\n")
STEMS = (  # of the words above: most texts have none
    "key", "pass", "pwd", "secret", "token", "credential", "auth", "pin", "otp", "webhook", "密钥",
    "geheimnis", "schl", "clave", *stems(PASSWORDS), *stems(CODES),
)  # fmt: skip
SAID_WITHIN, SAID_WORDS = 120, 8  # characters and words from the word for a key to the key
_VARIABLE = re.compile(  # NAME=value, whatever the name
    r"(?:^|[\s;,{\[\"'])[A-Z][A-Z0-9_]{2,63}[\"']?[ \t]{0,4}[=:][ \t]{0,4}[\"']?([^\s\"',]{16,256})"
)
_NOTHING = re.compile(  # what stands where a value would: a variable, a blank, a placeholder
    r"(?i)<[^<>]*>?|\$\{?[a-z_]\w*\}?|\$\([^)]*\)?|%\w+%?|\{+[\w .\-]*\}*|\[[\w \-]*\]?"
    r"|(?-i:\[[A-Z\-]+-[0-9]+\]).*|\*+|x+|\.+|-+|your[\w\- ]*"
    r"|my[_\-](?:pass|secret|token|key|api)\w*|change.?me\w*|example\w*|placeholder\w*|none|null"
    r"|nil|undefined|true|false|required"
    r"|optional|string|str|bytes|int|redacted\w*|hidden|dummy\w*"
)
_CODE = re.compile(
    r"[A-Za-z_][\w.\[\]]*\(.*|[a-z_]+(?:\.[a-z_]+)+|(?:self|os|process|env|settings)\..*"
)
_WORD = re.compile(r"(?<![\w+/=.\-])[A-Za-z0-9+/_=.\-]{20,512}(?![\w+/=.\-])")


def issued_keys(text: str) -> Iterator[Finding]:
    """Keys that say what they are, whole or cut off: prefixes, blocks, logins of addresses."""
    for pattern in (_ISSUED, _BLOCK, _LOGIN, _HOOK, _SEED, _KEY_0X, *_WRITTEN):
        for match in pattern.finditer(text):
            if pattern in (_LOGIN, *_WRITTEN) and _NOTHING.fullmatch(match[1]):
                continue
            place = match.span(0 if pattern in (_ISSUED, _BLOCK, _LOGIN, _HOOK) else 1)
            yield Finding(*place, PrivateKind.SECRET)
    for match in _SCHEMELESS.finditer(text) if "@" in text else ():
        if is_mixed(match[1], 3):
            yield Finding(*match.span(1), PrivateKind.SECRET)


def secrets(text: str) -> Iterator[Finding]:
    """Keys and passwords behind a name or a word for one, and words that look random."""
    for pattern, takes in ((_BEARER, _is_key), (_ASSIGNED, _is_value), (_VARIABLE, _is_variable)):
        for match in pattern.finditer(text):
            group = match.lastindex or 0
            start, end = match.span(group)
            word = text[start:end].rstrip(".,!?)]}:")
            if word and takes(word, match):
                yield Finding(start, start + len(word), PrivateKind.SECRET)
    lower = text.lower()
    if any(stem in lower for stem in STEMS):
        yield from _said(text)
        yield from _stated(text)
    for match in _WORD.finditer(text):
        word = match[0].rstrip(".-")
        if _has_random(word.rstrip("=")):
            yield Finding(match.start(), match.start() + len(word), PrivateKind.SECRET)


def _has_random(word: str) -> bool:
    """Whether it looks random; of an address or a path whether one step of it does."""
    if word[:1] == "/" or re.search(r"[A-Za-z]\.[A-Za-z]+/", word):
        return any(is_random(step) for step in word.split("/"))
    return is_random(word)


def _said(text: str) -> Iterator[Finding]:
    """The password is ..., use the key ...: the first word of the sentence that may be one."""
    for named in _SAID.finditer(text):
        start, end = named.end(), named.end() + SAID_WITHIN
        stop = _END_OF_SENTENCE.search(text, start, end)
        tokens = _TOKEN.finditer(text, start, stop.start() + 1 if stop else end)
        for match, before in zip(tokens, range(SAID_WORDS), strict=False):
            word = match[0].rstrip(".!?)]}")
            is_year = before > 1 and re.fullmatch("(?:19|20)[0-9]{2}", word)
            if not is_year and _is_said(word, named[0]):
                yield Finding(match.start(), match.start() + len(word), PrivateKind.SECRET)
                break


def _stated(text: str) -> Iterator[Finding]:
    """The password is ...: the very next word, if it has a digit or a symbol as passwords have, or
    what stands in quotes."""
    for match in _IS.finditer(text):
        group = 2 if match[2] else 3
        word = match[group].rstrip(".!?)]}" if group == 3 else "")
        if _NOTHING.fullmatch(word) or _CODE.fullmatch(word) or _UNSAID.fullmatch(word):
            continue
        is_stated = match[1] or _ENDS.match(text, match.end())
        mixed = is_mixed(word, 3) or (is_stated and _SIMPLE.fullmatch(word))
        plain = _KNOWN.fullmatch(word) or not mixed or _is_phrase(word)
        if (group == 2 and match[1]) or (
            len(word) >= 6 and any(map(str.isdigit, word)) and not plain
        ):
            start = match.start(group)
            yield Finding(start, start + len(word), PrivateKind.SECRET)
    for match in _CODE_SAID.finditer(text):
        yield Finding(*match.span(1), PrivateKind.SECRET)


def _is_key(word: str, _: re.Match[str]) -> bool:
    return word_share(word) < 0.6 and is_mixed(word, 2)


def _is_value(word: str, match: re.Match[str]) -> bool:
    """Of an assignment: no placeholder, no code; in quotes a plain word is one too."""
    if not _NAME.search(match[1]) or _NOTHING.fullmatch(word) or _CODE.fullmatch(word):
        return False
    if " " in word.strip():
        return False
    if match[2]:
        return True
    counts = _OF_TOKENS.search(match[1]) or _INDEXED.fullmatch(word)
    return not counts and is_mixed(word, 2) and not _is_phrase(word)


def _is_said(word: str, named: str) -> bool:
    """Behind a word for a key in a sentence, where most words are plain ones."""
    if _NOTHING.fullmatch(word) or _CODE.fullmatch(word) or "://" in word or "/" in word[:2]:
        return False
    if _UUID.fullmatch(word):
        return bool(re.match(r"(?i)api|secret|tok|client|access", named))
    if _KNOWN.fullmatch(word) and not word.isdigit():
        return False
    if re.fullmatch("[0-9]{4,8}", word):
        return bool(_OF_DIGITS.match(named))
    number = bool(re.fullmatch(r"[0-9a-fA-F]{10,}", word)) and is_mixed(word, 2)
    return number or is_random(word) or _is_password(word)


def _is_password(word: str) -> bool:
    """Letters with digits: in the middle of them, or with symbols and capitals too."""
    if not any(letter.isdigit() for letter in word) or _is_phrase(word):
        return False
    if len(word) >= 16 and word.isalnum():
        return is_mixed(word, 3) or bool(re.search("[a-z]{3}[0-9][a-z]{3}", word))
    return len(word) >= 6 and is_mixed(word, 3) and word_share(word) < 0.5


def _is_variable(word: str, _: re.Match[str]) -> bool:
    """Of a variable of any name: a value that is random, or has a password's symbols."""
    if "://" in word or _NOTHING.fullmatch(word) or _CODE.fullmatch(word):
        return False
    symbols = sum(letter in "!@#$%^&*~?<>|" for letter in word)
    return is_random(word) or (symbols >= 2 and is_mixed(word, 3) and word_share(word) < 0.35)


def _is_phrase(word: str) -> bool:
    """Words with joints: "read-only", "/etc/key.pem", "v1.2"."""
    if re.fullmatch(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[a-z][a-z0-9]*(?:_[a-z0-9]{1,9})+", word):
        return True  # a name in a program
    parts = re.split(r"[\-_./:]", word)
    return all(part.isalpha() or part.isdigit() or not part for part in parts)


LEAST_RANDOM = 20  # characters from which on chance makes no random-looking word of a plain one
_WORDS = re.compile("[a-z]{4,}|[A-Z]{5,}")
_JOINTS = re.compile(r"[._\-/+=]")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DIGEST = re.compile(r"(?i)(?:sha-?(?:1|224|256|384|512)|md5|blake\w{1,4}|crc32)[-:=]")
_PREFIX = re.compile(r"(?:[A-Za-z]{1,12}[-_.])+")


def entropy(word: str) -> float:
    """Bits a character, by the frequencies in the word itself (Shannon 1948)."""
    shares = (count / len(word) for count in Counter(word).values())
    return -sum(share * math.log2(share) for share in shares)


def word_share(word: str) -> float:
    """The share of it, 0..1, that runs of letters of one case make, as words have them."""
    return sum(map(len, _WORDS.findall(word))) / len(word)


def _kind(letter: str) -> str:
    if letter.isdigit():
        return "digit"
    return ("upper" if letter.isupper() else "lower") if letter.isalpha() else "symbol"


def is_mixed(word: str, least: int) -> bool:
    """Whether it has characters of at least so many kinds: small, capital, digit, symbol."""
    return len({*map(_kind, word)}) >= least


def is_random(word: str) -> bool:
    """Whether a word of LEAST_RANDOM characters or more looks as a generator of keys makes it.

    UUIDs, digests with their name and bare hexadecimal numbers are public as often as not.
    """
    core = _JOINTS.sub("", word)
    if len(core) < LEAST_RANDOM or _UUID.fullmatch(word) or _DIGEST.match(word):
        return False
    rest = _JOINTS.sub("", _PREFIX.sub("", word))
    if not rest or not re.search("[g-zG-Z]", rest):  # a number or hexadecimal
        return False
    digits = sum(letter.isdigit() for letter in core) / len(core)
    if not 0 < digits < 0.9 or word_share(word) > 0.35:
        return False
    changes = sum(_kind(a) != _kind(b) for a, b in pairwise(core)) / (len(core) - 1)
    return changes >= 0.3 and entropy(core) >= 0.75 * math.log2(min(len(core), 62))
