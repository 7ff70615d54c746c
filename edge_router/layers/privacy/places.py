"""Where people and their machines are found: mail, private networks, home folders, names."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from edge_router.chat.private_data import PrivateKind

from .finding import Finding
from .words.addresses import AT, DOT
from .words.table import any_of, stems

__all__ = ["emails", "home_folders", "names", "network_addresses"]

_SAID_AT = any_of(AT, before="")
_SAID_DOT = any_of(DOT, before="")
_AT = re.compile(
    r"(?<=\w) @ (?=\w)|@\r?\n?(?: (?=[a-z0-9]))?"
    rf"|(?:(?<=[\w ]) ?[\[({{<] ?(?:@|{_SAID_AT}) ?[\])}}>] ?)",
    re.IGNORECASE,
)
_LOCAL = re.compile(r"[A-Za-z0-9À-ԯ!#$%&'*+/=?^_`{|}~.\-]{1,64}\Z")
_LOCAL_ELSEWHERE = re.compile("[\u0590-\u0eff][\\w\u0590-\u0eff.\\-]{0,63}\\Z")  # Hebrew to Thai
_BEFORE_NAME = re.compile(  # allowed in a name, but an address's place is likelier
    "[/?=&|`{}#]|(?<![A-Za-z])'|'(?![A-Za-z])"
)
_DOT = rf"(?:\.| ?[\[({{<] ?(?i:{_SAID_DOT}) ?[\])}}>] ?)"
_DOMAIN = re.compile(
    rf"(?:[^\W_](?:[\w\-]{{0,62}})?{_DOT}){{1,8}}"
    r"((?:[A-Za-z]{2,24}|xn--[A-Za-z0-9\-]{2,59})(?![A-Za-z0-9_\-])|[^\W\d_A-Za-z]{2,24}"
    r"|[A-Za-z\u0370-\u04ff]{2,24})"  # Greek and Cyrillic, where some look like Latin letters
)
_LONG_ENDINGS = frozenset(  # top-level domains of over six letters that people write mail to
    "example invalid academy community company consulting digital education engineering equipment"
    " finance foundation gallery graphics healthcare holdings hospital industries institute"
    " insurance international marketing museum network partners photography pictures properties"
    " services solutions software support systems technology training university ventures wedding"
    " website".split()
)


_PART = r"[^\W_]+(?:-[^\W_]+){0,8}"


def _spelled(at: str, dot: str) -> re.Pattern[str]:
    """An address in words: name at host dot org; "look at the dot com bubble" is none."""
    return re.compile(
        rf"(?i)(?<![\w.@])\w[\w.\-]{{0,62}}(?: {dot} \w[\w\-]{{0,30}}){{0,2}}"
        rf"(?: {at} |_{at}_)(?!(?:the|an?|this|that|each|every)\b)"
        rf"{_PART}(?:(?: {dot} |_{dot}_){_PART}){{0,3}}(?: {dot} |_{dot}_)[a-z]{{2,12}}(?!\w)"
    )


_SPELLED = (
    _spelled("at", "dot"),
    _spelled(any_of({name: one for name, one in AT.items() if name != "en"}, before=""), _SAID_DOT),
)
_SPELLED_STEMS = stems(DOT)


def emails(text: str) -> Iterator[Finding]:
    """Addresses of mail, also written "name [at] host [dot] org" or in words alone."""
    lower = text.lower()
    for pattern in _SPELLED if any(one in lower for one in _SPELLED_STEMS) else ():
        for spelled in pattern.finditer(text):
            yield Finding(spelled.start(), spelled.end(), PrivateKind.EMAIL)
    for at in _AT.finditer(text):
        before = (text, max(0, at.start() - 64), at.start())
        local = _LOCAL.search(*before) or _LOCAL_ELSEWHERE.search(*before)
        host = _DOMAIN.match(text, at.end())
        if local is None or host is None:
            continue
        name, ending = _BEFORE_NAME.split(local[0])[-1].lstrip("."), host[1].lower()
        if not name or (len(ending) > 6 and ending not in _LONG_ENDINGS and host[1].isascii()):
            continue
        if name == "git" and text[host.end() : host.end() + 1] == ":":  # a repository, for nobody
            continue
        yield Finding(at.start() - len(name), host.end(), PrivateKind.EMAIL)


_V4 = re.compile(
    r"(?a)(?<![\w.])(?:10|172|192|169|100)(?:(?:\.|\[\.\])[0-9]{1,3}){3}(?![\w]|\.[0-9])"
)
_V6 = re.compile(
    r"(?a)(?<![\w:.])(?i:f[cd][0-9a-f]{2}|fe[89ab][0-9a-f])(?::{1,2}[0-9a-fA-F]{1,4}){1,7}(?:::)?(?![\w:])"
)
_MAC = re.compile(
    r"(?<![\w:\-])(?:[0-9A-Fa-f]{2}([:\-]))(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:\-])"
    r"|(?<![\w.])(?=[0-9a-f.]{0,13}[a-f])(?=[a-f.]{0,13}[0-9])[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}(?![\w.])"
)
_NAMED = (
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,62})\.){1,6}"
    r"(?:lan|internal|corp|intranet|localdomain|local|home\.arpa|consul|ts\.net)"
)
_HOST = re.compile(rf"(?<![\w.\-/@]){_NAMED}(?![\w(]|\.\w)")
_ADDRESSED = re.compile(rf"(?:://|@)({_NAMED})(?![\w]|\.\w)")
# Backslashes of a share are two and one, or four and two where they are escaped; "\\nfoo\\nbar" has
# two and two.
_UNC = r"(?<![\\\w])(?:\\\\(?=[^\\\n]{1,63}\\[^\\])|\\{4}(?=[^\\\n]{1,63}\\\\[^\\]))"
_SHARE = re.compile(rf"{_UNC}(?=[a-z]{{0,62}}[A-Z0-9\-])([A-Za-z0-9][\w.\-]{{2,62}})(?=\\)")
_SHARED = re.compile(
    r"(?i)(?<![\w.])(?:smb|cifs|afp|nfs)://(?:[^\s/@]{1,64}@)?([a-z0-9][\w.\-]{1,62})"
)
_ANY_MACHINE = frozenset(
    "server servername host hostname computer computername machine share name fileserver wsl"
    " localhost example pipe wsl.localhost unc".split()
)
_VERSION = re.compile(r"(?i)(?:version|release|build|v)[ .:=]{0,3}$")


def network_addresses(text: str) -> Iterator[Finding]:
    """Addresses and names of machines of a private network, and of their network cards."""
    for match in _V4.finditer(text):
        if _is_private(match[0]) and not _VERSION.search(
            text, max(0, match.start() - 12), match.start()
        ):
            yield Finding(match.start(), match.end(), PrivateKind.NETWORK)
    for match in _V6.finditer(text):
        if _is_private(match[0]):
            yield Finding(match.start(), match.end(), PrivateKind.NETWORK)
    for match in _MAC.finditer(text):
        if len({*match[0]}) > 2:  # neither zeros nor the broadcast
            yield Finding(match.start(), match.end(), PrivateKind.NETWORK)
    yield from _shares(text)
    for match in _ADDRESSED.finditer(text):
        yield Finding(*match.span(1), PrivateKind.NETWORK)
    for match in _HOST.finditer(text):
        name, _, ending = match[0].rpartition(".")
        sure = ending not in ("local", "internal")  # "threading.local" is none
        if sure or re.search(r"[0-9\-.]", name):
            yield Finding(match.start(), match.end(), PrivateKind.NETWORK)


def _shares(text: str) -> Iterator[Finding]:
    """The machines of network shares."""
    for mark, pattern in (("\\\\", _SHARE), ("://", _SHARED)):
        for match in pattern.finditer(text) if mark in text else ():
            if match[1].lower() not in _ANY_MACHINE:
                yield Finding(*match.span(1), PrivateKind.NETWORK)


def _is_private(address: str) -> bool:
    try:
        stated = ipaddress.ip_address(address.replace("[.]", "."))
    except ValueError:
        return False
    shared = stated.version == 4 and stated in _CARRIER
    return shared or ((stated.is_private or stated.is_link_local) and not stated.is_loopback)


_CARRIER = ipaddress.ip_network("100.64.0.0/10")  # RFC 6598, used by private overlays
_FOLDERS = "(?:Users|Benutzer|Utilisateurs|Usuarios|Usuários|Utenti|Documents and Settings)"
_MOUNTED = (
    r"(?:/(?:mnt/[a-z]|cygdrive/[a-z]|[a-z]|Volumes/[^/\n]{1,40}|System/Volumes/Data|nfs|net|usr|var"
    r"|export|data|srv|host|rootfs|media/[\w.\-]{1,40}))?"
)
_HOME = re.compile(
    rf"(?:(?<![\w./])|(?<=file://))(?:(?:{_MOUNTED}/home/(?:(?:users|students|staff|people)/|[a-z]/(?=[a-z]{{3}}))?"
    rf"|\\{{1,2}}home\\{{1,2}}|{_MOUNTED}/Users/|[A-Za-z]:(?:\\{{1,2}}|/){_FOLDERS}(?:\\{{1,2}}|/)"
    rf"|{_UNC}[A-Za-z0-9][\w.\-]{{0,62}}\\{{1,2}}(?i:homes?|users?|profiles?|personal|private|redirected)\$?\\{{1,2}})"
    r"([^\W\d_][\w.\-]{0,63}(?: [^\W\d_][\w.\-]{0,31}(?=[\\/]))?)(?![\w$<>{}*])"
    r"|~([a-z][\w.\-]{2,31})(?=/\w))"
)
_REMOTE_HOME = re.compile(
    r"(?<![\w./:])//[A-Za-z0-9][\w\-]{1,62}/home/([a-z][\w.\-]{0,63})(?![\w$<>{}*])"
)
_NOBODY = frozenset(
    "user users username name you your me someone shared public default guest runner ubuntu debian"
    " ec2-user vagrant docker app node git admin administrator root linuxbrew vscode codespace"
    " jovyan pi all".split()
)


def home_folders(text: str) -> Iterator[Finding]:
    """The name of a user in the path of a home folder, with what is before it."""
    remote = _REMOTE_HOME.finditer(text) if "//" in text else ()
    for match in (*_HOME.finditer(text), *remote):
        if (match[1] or match[match.re.groups]).lower().rstrip(".") not in _NOBODY:
            yield Finding(match.start(), match.end(), PrivateKind.PATH)


_CAPITAL = r"[A-ZÀ-ÖØ-ÞĀ-ŽА-Я][a-zß-öø-ÿā-žа-я'’]{1,20}"
_SMALL = r"(?:van|von|de|da|di|del|la|le|der|den|bin|al|[A-Z]\.) "
_FULL = rf"{_CAPITAL}(?:[ \-](?:{_SMALL}){{0,2}}{_CAPITAL}){{0,3}}"
_TITLED = re.compile(
    rf"(?<!\w)(?:Mrs?|Ms|Miss|Mx|Dr|Prof|Sir|Herrn?|Frau|Mme|Mlle|Señora?|Sra?|Signora?|Dott|Pan"
    rf"|Pani|Г-н|Г-жа)\.? +({_FULL})"
)
_INTRODUCED = re.compile(
    rf"(?i:my name is|i am called|i'm called|ich heiße|mein name ist|je m'appelle|me llamo"
    rf"|mi nombre es|mi chiamo|meu nome é|меня зовут|signed|sincerely|regards)[,:]?[ \n]+({_FULL})"
)
_ROLE = re.compile(  # two words at least: "Patient Information" is nobody
    r"(?i:patient(?:in)?|employee|customer|client|tenant|applicant|kundin|mitarbeiter(?:in)?)[,:]? "
    rf"({_CAPITAL} (?:{_SMALL})?{_CAPITAL}(?:-{_CAPITAL})?)"
)
_GIVEN = re.compile(
    r"(?<!\w)(?:James|Mary|Robert|Patricia|John|Jennifer|Michael|Linda|David|Elizabeth|William|Barbara|Richard"
    r"|Susan|Joseph|Jessica|Thomas|Sarah|Charles|Karen|Christopher|Lisa|Daniel|Nancy|Matthew|Sandra|Anthony"
    r"|Emily|Mark|Anna|Peter|Maria|Hans|Klaus|Jürgen|Stefan|Sabine|Petra|Ursula|Monika|Jean|Pierre|Marie"
    r"|Nathalie|Isabelle|Philippe|Carlos|José|Luis|Juan|Carmen|Ana|Lucía|Giulia|Marco|Francesca|Luca|Giuseppe"
    r"|Emma|Olivia|Noah|Liam|Sofia|Lena|Lukas|Jan|Piotr|Anja|Ivan|Olga|Dmitri|Mohammed|Fatima|Ahmed|Priya"
    r"|Rahul|Wei|Yuki|Hiroshi|Kim|Dana|Laura|Paul|Julia|Martin|Eva|Erik|Ingrid|Lars|Sven)"
    rf" (?:[A-Z]\. )?{_CAPITAL}(?:-{_CAPITAL})?(?!\w)"
)


def names(text: str) -> Iterator[Finding]:
    """Names of people behind a title or an introduction, or after a common given name. Many others
    are not found: no list holds them."""
    for pattern in (_TITLED, _INTRODUCED, _ROLE, _GIVEN):
        for match in pattern.finditer(text):
            yield Finding(*match.span(pattern.groups), PrivateKind.NAME)
