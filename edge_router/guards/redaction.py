"""Quote a value in a message: short, and without a key or a password that was pasted there.

`quoted` and `quoted_setting` are for settings and arguments, `quoted_json` for what a JSON file
holds (short, but as it is), `redacted` for a whole value without its secrets,
`redacted_command` for a command line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from reprlib import Repr
from typing import Any

__all__ = [
    "HIDDEN",
    "looks_like_a_key",
    "names_a_secret",
    "names_a_variable",
    "quoted",
    "quoted_json",
    "quoted_setting",
    "redacted",
    "redacted_command",
    "redacted_setting",
    "redacted_url",
    "shown_setting",
    "without_secrets",
]

HIDDEN = "***"
LONGEST_QUOTE = 80  # characters of a value

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ISSUED = (
    r"(?:sk|pk|rk)-[\w-]{3,}|(?:sk|pk|rk)_(?:live|test)_\w{6,}|gsk_\w{6,}|hf_\w{10,}|xai-\w{6,}"
    r"|nvapi-[\w-]{6,}|pplx-\w{6,}|gh[opusr]_\w{10,}|github_pat_\w{6,}|glpat-[\w-]{6,}|r8_\w{10,}"
    r"|AIza[\w-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{8,}|ya29\.[\w-]{6,}|xox[a-z]-[\w-]{6,}"
    r"|eyJ[\w-]{8,}(?:\.[\w-]*)*"
)
_KEY_OF_AN_ISSUER = re.compile(rf"(?<![A-Za-z0-9])(?:{_ISSUED})")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UNBROKEN = re.compile(r"[A-Za-z0-9+]{20,}")
_LONG_WORD = re.compile(r"(?<![\w./\\-])[A-Za-z0-9][A-Za-z0-9_+-]{19,}(?![\w./\\-])")
# No two matches of these begin in the same run, or their length is bounded: a hostile text of
# many beginnings must not cost quadratic time.
_URL_REST = re.compile(r"://[^\s'\"<>]+")
_USER_ALONE = re.compile(r"(?<![\w/])[^\s'\"/:@]{1,200}:(?!//)[^\s'\"@]{1,500}@(?=[\w.-])")
_SCHEME = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
_SECRET_NAME = re.compile(
    r"(?:api|access|private|secret)[-_]?key|token|passwor[dt]|passwd|secret|authorization"
    r"|credential",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    rf"((?:{_SECRET_NAME.pattern})['\"]?\s{{0,8}}[=:]\s{{0,8}})['\"]?[^\s'\",;]{{6,}}['\"]?",
    re.IGNORECASE,
)
_SECRET_OPTION = re.compile(
    r"((?<![\w-])--?[\w-]{0,40}?(?:key|token|pass|pwd|secret|auth|cred)[\w-]{0,40}(?:=|\s{1,8}))"
    r"(?!--)(?:\"[^\"]*\"|'[^']*'|[\"'].*|\S+)",
    re.IGNORECASE,
)  # of a command, in which hiding too much does no harm
_QUERY = re.compile(r"(?<=\?)[^\s'\"]+")
_ABOUT_TOKENS = re.compile(r"tokens|_env$", re.IGNORECASE)  # max_tokens, api_key_env


def looks_like_a_key(word: str) -> bool:
    """Whether a word looks like a key: an issuer's prefix, a UUID, letters mixed with digits."""
    if _KEY_OF_AN_ISSUER.match(word) or _UUID.fullmatch(word):
        return True
    return any(_is_mixed(run) for run in _UNBROKEN.findall(word))


def _is_mixed(run: str) -> bool:
    digits = sum(letter.isdigit() for letter in run)
    return 3 <= digits < len(run)


def names_a_variable(name: str) -> bool:
    """Whether a text can be an environment variable's name, and is no key pasted there."""
    if not _VARIABLE.fullmatch(name) or len(name) > 64 or looks_like_a_key(name):
        return False
    small, others = re.search("[a-z]", name), re.search("[A-Z0-9]", name)
    return not (small and others) and not (len(name) > 20 and name.isalpha() and not name.isupper())


def without_secrets(text: str) -> str:
    """A message without sure secrets: passwords and queries of URLs, issuers' keys,
    values behind `Bearer`, `api_key=` and the like."""
    text = _URL_REST.sub(_url_rest, text)
    text = _SCHEME.sub(rf"\1 {HIDDEN}", text)
    text = _ASSIGNED.sub(rf"\1{HIDDEN}", text)
    return _KEY_OF_AN_ISSUER.sub(HIDDEN, text)


def _url_rest(match: re.Match[str]) -> str:
    """The rest of a URL behind its scheme, without login and query."""
    _, at, rest = match[0].removeprefix("://").rpartition("@")
    if (query := re.search("[?#]", rest)) and query.end() < len(rest):
        rest = rest[: query.end()] + HIDDEN
    return "://" + (f"{HIDDEN}@" if at else "") + rest


def redacted_url(url: str) -> str:
    """An address without user, password, query, fragment, parameters behind a semicolon, a port
    that is no number, or a path segment that is a key."""
    before, there, after = url.partition("://")
    if not there:
        before, after = "", url
    _, at, rest = after.rpartition("@")
    place = re.split("[?#]", rest, maxsplit=1)
    host, *path = place[0].split("/")
    if there:
        host = re.sub(r"(?<![\[:]):(?!\d*$)[^:\]]*$", f":{HIDDEN}", host)
    shown = "/".join([host, *map(_shown_segment, path)])
    shown = before + there + (f"{HIDDEN}@" if at else "") + shown
    return shown + (f"?{HIDDEN}" if len(place) > 1 else "")


def _shown_segment(segment: str) -> str:
    name, behind, _ = segment.partition(";")
    return (HIDDEN if looks_like_a_key(name) else name) + (f";{HIDDEN}" if behind else "")


def redacted(value: Any) -> str:
    """The `repr` of a setting's value without secrets, also inside of tables and lists."""
    return repr(_cleaned(value))


def redacted_command(command: str) -> str:
    """`redacted` of a command line, also without what options such as --token are given, and
    without the query of a URL that lacks its scheme."""
    return redacted(_QUERY.sub(HIDDEN, _SECRET_OPTION.sub(rf"\1{HIDDEN}", command)))


def redacted_setting(name: str, value: Any) -> str:
    """`redacted`, knowing what the setting called `name` is for."""
    return repr(shown_setting(name, value))


def shown_setting(name: str, value: Any) -> Any:
    """The value of the setting called `name`, without secrets, also inside of tables and lists."""
    if isinstance(value, str) and name == "base_url":
        return redacted_url(value)
    if isinstance(value, str) and name == "api_key_env" and not names_a_variable(value):
        return HIDDEN
    if name == "extra_headers_env" and isinstance(value, Mapping):
        return {key: _variable(one) for key, one in value.items()}
    if isinstance(value, str) and names_a_secret(name):
        return HIDDEN
    return _cleaned(value)


def _variable(value: Any) -> Any:
    return value if isinstance(value, str) and names_a_variable(value) else HIDDEN


def names_a_secret(name: str) -> bool:
    """Whether the value of a setting called `name` is to be hidden."""
    return bool(_SECRET_NAME.search(name)) and not _ABOUT_TOKENS.search(name)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _LONG_WORD.sub(_key_or_word, _USER_ALONE.sub(f"{HIDDEN}@", without_secrets(value)))
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if isinstance(key, str) and names_a_secret(key) else _cleaned(one)
            for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(map(_cleaned, value)) if type(value) in (list, tuple) else value
    return value


def _key_or_word(match: re.Match[str]) -> str:
    return HIDDEN if looks_like_a_key(match[0]) else match[0]


def quoted(value: Any) -> str:
    """A value as a message quotes it: short, without secrets; of a container only its type."""
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, int):
        return repr(int(value)) if abs(value) < 10**30 else "a number of over 30 digits"
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, str):
        return _cut(redacted(value[:4096]))
    if isinstance(value, (list, tuple, dict)) and not value:
        return repr(value)
    return f"a {type(value).__name__}"


def quoted_setting(name: str, value: Any) -> str:
    """`quoted`, knowing what the setting called `name` is for."""
    return _cut(redacted_setting(name, value[:4096])) if isinstance(value, str) else quoted(value)


def _cut(text: str) -> str:
    return text[:LONGEST_QUOTE] + ("..." if len(text) > LONGEST_QUOTE else "")


def quoted_json(value: Any) -> str:
    """A value of a JSON file as a message quotes it: short, however long or deep it is."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # an integer of thousands of digits
        return f"a huge {type(value).__name__}"


_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_SHORT.maxlevel = 2
