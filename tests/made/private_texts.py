"""Made-up texts that hold private data, and texts that only look so, in many languages and forms.

`made(seed)` gives the same texts for the same seed. Nothing in them belongs to anybody: addresses
end in reserved names, numbers are drawn, and their check digits are computed here, not by the code
under test.
"""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge_router.chat.private_data import PrivateKind as Kind

__all__ = ["MadeText", "made", "negatives", "positives"]


@dataclass(frozen=True, slots=True)
class MadeText:
    """A text with the one private value in it, as written; a negative one has neither."""

    text: str
    kind: Kind | None = None
    value: str = ""
    form: str = ""


Draw = random.Random

FRAMES = {
    "en": ["Please note {}.", "Here it is: {} - can you check it?", "I got {} from them, what now?",
           "Draft a reply that mentions {} and thanks her.", "{}\nWhat is this?"],
    "de": ["Bitte prüfe {}, danke.", "Das hier: {} – stimmt das?", "Schreib einen Brief mit {} darin."],
    "fr": ["Voici {}, merci de vérifier.", "Rédige une lettre avec {} dedans."],
    "es": ["Aquí está {}, ¿es correcto?", "Escribe una carta con {} dentro."],
    "it": ["Ecco {}, va bene?"], "pt": ["Aqui está {}, pode verificar?"], "nl": ["Dit is {}, klopt dat?"],
    "pl": ["Oto {}, czy to prawda?"], "ru": ["Вот {}, проверь, пожалуйста."],
    "zh": ["请检查 {} 是否正确。"], "ja": ["これは {} です。確認してください。"],
    "json": ['{{"customer": "{}", "open": true}}'], "csv": ["id;value\n17;{};yes"],
    "log": ["2024-05-03 12:30:01 INFO handled {} in 12 ms"],
}  # fmt: skip
GIVEN = "anna joão müller o.smith li-wei jean.luc p_kowalski info.desk x9 yuki.t".split()
HOSTS = ("clinic.example", "mail.example.org", "example.co.uk", "büro.example", "a.b.example.com")


def _digits(draw: Draw, count: int) -> str:
    return "".join(draw.choice(string.digits) for _ in range(count))


def _letters(draw: Draw, count: int, of: str = string.ascii_letters + string.digits) -> str:
    return "".join(draw.choice(of) for _ in range(count))


def _token(draw: Draw, count: int) -> str:
    """Random letters of both cases with digits among them."""
    while True:
        word = _letters(draw, count)
        if sum(one.isdigit() for one in word) >= 3 and not word.islower() and not word.isupper():
            return word


def _luhn_digit(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def _grouped(text: str, sizes: tuple[int, ...], mark: str) -> str:
    pieces, place = [], 0
    for size in sizes:
        pieces.append(text[place : place + size])
        place += size
    return mark.join(filter(None, [*pieces, text[place:]]))


def card(draw: Draw) -> Iterator[tuple[str, str]]:
    body, sizes = draw.choice([
        ("4" + _digits(draw, 14), (4, 4, 4, 4)), ("5" + draw.choice("12345") + _digits(draw, 13), (4, 4, 4, 4)),
        ("37" + _digits(draw, 12), (4, 6, 5)), ("6011" + _digits(draw, 11), (4, 4, 4, 4)),
        ("2720" + _digits(draw, 11), (4, 4, 4, 4)), ("36" + _digits(draw, 11), (4, 6, 4)),
    ])  # fmt: skip
    number = body + _luhn_digit(body)
    yield "plain", number
    for name, mark in (("spaces", " "), ("dashes", "-"), ("no-break spaces", "\u00a0"), ("dots", "."),
                       ("newline", "\n"), ("en dash", "–"), ("two spaces", "  ")):  # fmt: skip
        yield name, _grouped(number, sizes, mark)
    yield "full width", "".join(chr(ord(one) + 0xFEE0) for one in number)
    yield "Arabic digits", "".join(chr(0x660 + int(one)) for one in number)
    yield "zero width", number[:6] + "\u200b" + number[6:]
    yield "one by one", " ".join(number)


def iban(draw: Draw) -> Iterator[tuple[str, str]]:
    country, body = draw.choice([
        ("DE", _digits(draw, 18)), ("FR", _digits(draw, 20) + _letters(draw, 1, string.ascii_uppercase) + _digits(draw, 2)),
        ("GB", _letters(draw, 4, string.ascii_uppercase) + _digits(draw, 14)), ("NL", "ABNA" + _digits(draw, 10)),
        ("ES", _digits(draw, 20)), ("CH", _digits(draw, 17)), ("PL", _digits(draw, 24)), ("NO", _digits(draw, 11)),
        ("SE", _digits(draw, 20)), ("IT", "X" + _digits(draw, 10) + _letters(draw, 12, string.digits)),
    ])  # fmt: skip
    number = int("".join(str(int(one, 36)) for one in body + country) + "00")
    account = f"{country}{98 - number % 97:02}{body}"
    yield "plain", account
    yield "groups", _grouped(account, (4,) * 8, " ")
    yield "dashes", _grouped(account, (4,) * 8, "-")
    yield "small letters", account.lower()
    yield "newline", account[:12] + "\n" + account[12:]
    yield "zero width", account[:5] + "\u2060" + account[5:]
    yield "full width", "".join(chr(ord(one) + 0xFEE0) for one in account)


def email(draw: Draw) -> Iterator[tuple[str, str]]:
    name, host = draw.choice(GIVEN), draw.choice(HOSTS)
    yield "plain", f"{name}@{host}"
    yield "capitals", f"{name}@{host}".upper()
    yield "plus", f"{name}+shop{draw.randrange(99)}@{host}"
    yield "[at]", f"{name} [at] {host}"
    yield "(at) (dot)", f"{name}(at){host.replace('.', '(dot)')}"
    yield "full width @", f"{name}＠{host}"
    yield "%40", f"{name}%40{host}"
    yield "zero width", f"{name}\u200d@{host}"
    yield "Cyrillic look-alikes", f"{name}@{host}".replace("e", "е").replace("a", "а")
    yield "hexadecimal", f"mail: {name}@{host}".encode().hex()
    yield "in words", f"{name} at {host.replace('.', ' dot ')}"
    yield "base64", base64.b64encode(f"mail: {name}@{host}".encode()).decode()


def phone(draw: Draw) -> Iterator[tuple[str, str]]:
    d = lambda count: _digits(draw, count)  # noqa: E731
    first = draw.choice("23456789")
    yield "+1", f"+1 {first}{d(2)} {first}{d(2)} {d(4)}"
    yield "US", f"({first}{d(2)}) {first}{d(2)}-{d(4)}"
    yield "US dashes", f"{first}{d(2)}-{first}{d(2)}-{d(4)}"
    yield "US dots", f"{first}{d(2)}.{first}{d(2)}.{d(4)}"
    yield "+49", f"+49 {draw.choice(['30', '89', '170', '151'])} {first}{d(6)}"
    yield "0049", f"0049 30 {first}{d(6)}"
    yield "DE /", f"0{draw.choice(['30', '89', '170'])}/{first}{d(6)}"
    yield "DE (0)", f"(0{draw.choice(['30', '89'])}) {first}{d(6)}"
    yield "FR", f"0{draw.choice('1234567')} " + " ".join(d(2) for _ in range(4))
    yield "+33", f"+33 {draw.choice('1234567')} " + " ".join(d(2) for _ in range(4))
    yield "UK", f"020 7{d(3)} {d(4)}"
    yield "UK mobile", f"07{d(3)} {d(6)}"
    yield "+44 (0)", f"+44 (0)20 7{d(3)} {d(4)}"
    yield "JP", f"03-{first}{d(3)}-{d(4)}"
    yield "CN", f"13{d(1)}-{d(4)}-{d(4)}"
    yield "IN", f"+91 9{d(4)} {d(5)}"
    yield "BR", f"(11) 9{d(4)}-{d(4)}"
    yield "compact", f"+4917{d(9)}"
    yield (
        "full width",
        "".join(
            chr(ord(one) + 0xFEE0) if one.isdigit() else one
            for one in f"+1 {first}{d(2)} {first}{d(2)} {d(4)}"
        ),
    )


def secret(draw: Draw) -> Iterator[tuple[str, str]]:
    upper = string.ascii_uppercase + string.digits
    yield "AWS", "AKIA" + _letters(draw, 16, upper)
    yield "GitHub", "ghp_" + _token(draw, 36)
    yield "OpenAI", "sk-proj-" + _token(draw, 40)
    yield "Stripe", "sk_live_" + _token(draw, 24)
    yield "Slack", f"xoxb-{_digits(draw, 12)}-{_digits(draw, 12)}-{_token(draw, 24)}"
    yield "Google", "AIza" + _token(draw, 35)
    yield "zero width", "AKIA\u200b" + _letters(draw, 16, upper)
    yield "unknown issuer", f"nmb_{_token(draw, 28)}"
    yield "random", _token(draw, 32)
    yield "JWT", "eyJhbGciOiJIUzI1NiJ9.eyJ" + _token(draw, 30) + "." + _token(draw, 43)
    yield "half a key", "ghp_" + _token(draw, 12)
    yield "letter by letter", " ".join("AKIA" + _letters(draw, 16, upper))


def named_secret(draw: Draw) -> Iterator[tuple[str, str, str]]:
    """A password or a key in a sentence or a file: the whole text, and the value in it."""
    word = (
        _letters(draw, 4)
        + draw.choice("!#%*?")
        + draw.choice(string.digits)
        + _letters(draw, 3)
        + "7"
    )
    hexadecimal = _letters(draw, 32, "0123456789abcdef")
    for form, text, value in (
        ("password is", "The password is {}, is it strong enough?", word),
        ("Passwort", "Das Passwort lautet {} und gilt ab heute.", word),
        ("mot de passe", "Le mot de passe : {} ne marche pas.", word),
        ("env", "Why does this fail? DB_PASSWORD={}", word),
        ("json", '{{"apiKey": "{}", "region": "eu"}}', _token(draw, 16)),
        ("yaml", "db:\n  password: '{}'\n", word),
        ("hex secret", "The webhook signing secret is {}, why do signatures fail?", hexadecimal),
        ("bearer", "curl -H 'Authorization: Bearer {}' https://api.example", _token(draw, 31)),
        ("login", "postgres://admin:{}@db.example:5432/prod times out", _token(draw, 12)),
        ("pin", "my PIN is {}, please remember it", _digits(draw, 4)),
    ):
        yield form, text.format(value), value


def network(draw: Draw) -> Iterator[tuple[str, str]]:
    byte = lambda: str(draw.randrange(1, 255))  # noqa: E731
    yield "10/8", f"10.{byte()}.{byte()}.{byte()}"
    yield "192.168", f"192.168.{byte()}.{byte()}"
    yield "172.16", f"172.{draw.randrange(16, 32)}.{byte()}.{byte()}"
    yield (
        "ULA",
        f"fd{_letters(draw, 2, '0123456789abcdef')}:{draw.randrange(1000, 9999)}::{draw.randrange(1, 99)}",
    )
    yield "MAC", ":".join(_letters(draw, 2, "0123456789ABCDEF") for _ in range(6))
    yield "host", f"db-{draw.randrange(9)}.internal"
    yield "nas", f"nas{draw.randrange(9)}.lan"


def path(draw: Draw) -> Iterator[tuple[str, str]]:
    name = draw.choice("alice bwang jdoe m.huber olga".split())
    yield "Linux", f"/home/{name}"
    yield "macOS", f"/Users/{name}"
    yield "Windows", f"C:\\Users\\{name}"


def name(draw: Draw) -> Iterator[tuple[str, str, str]]:
    who = f"{draw.choice('Anna Peter Maria Lukas Olga Wei'.split())} {draw.choice('Huber Smith Novak Tanaka'.split())}"
    last = who.split()[1]
    for form, text, value in (("given", "Ask {} about it.", who), ("title", "Dear Dr. {}, thanks.", last),
                              ("my name is", "Hello, my name is {} and I am new.", who),
                              ("Herr", "Sehr geehrter Herr {}, danke.", last),
                              ("patient", "Patient {} missed the visit.", who)):  # fmt: skip
        yield form, text.format(value), value


MARKS = """{CONFIDENTIAL}: the pricing review is on Monday.|{Strictly confidential}. Summarise the plan below.
Summarise: {our proprietary} matching rule weighs age twice.|Board only. Please {do not forward this} to the regions.
The site closes in May and {nobody else knows} outside the board.|We merge in June; {nobody knows yet}, so draft the note.
He is ill and asked me {not to tell anyone}.|{Don't tell the staff} that the bonus is gone; write the memo.
The offer {must not be shared with anyone} outside the deal.|Rewrite this. {This is off the record}.
{keep this between us}: she resigns on Friday. Help me write a card.|{Under embargo until} Thursday: shorten the release.
The merger {has not been announced yet}; write questions and answers.|{Streng vertraulich}: Der Standort schließt im Mai.
Er kündigt morgen, {sag das niemandem}.|Das Gehalt {darf niemand erfahren}.|{Strictement confidentiel} : le site ferme en mai.
{n'en parle à personne}, il démissionne.|{Informe confidencial}: cerramos la planta en mayo.|{no se lo digas a nadie}, renuncia.
{Riservato}: la sede chiude a maggio.|{Poufne}: zakład kończy pracę w maju.|{Конфиденциально}: завод закрывается.
{社外秘} 五月に工場を閉鎖します。|{内部资料}，请总结。|The note was {told to me in confidence}.|{Not for distribution}
{This memo is confidential}, please shorten it.|We sign on Friday, {before we announce} I need a script."""


def marked(draw: Draw) -> Iterator[tuple[str, str, str]]:
    """A text that says that it is confidential; the value is the words that say so."""
    lines = [one for line in MARKS.splitlines() for one in line.split("|")]
    for one in draw.sample(lines, 8):
        value = one[one.index("{") + 1 : one.index("}")]
        yield "marked", one.replace("{", "").replace("}", ""), value


def pieces(draw: Draw) -> Iterator[tuple[str, str, str]]:
    """A card behind a word for one, with other words or marks between its groups."""
    body = "4" + _digits(draw, 14)
    groups = _grouped(body + _luhn_digit(body), (4, 4, 4), " ").split()
    for form, text in (
        ("words between", "My card starts with {} {} and ends with {} {}."),
        ("pipes", "card | {} | {} | {} | {} |"),
        ("tags", "Visa: {}<b>{}</b>{}<i>{}</i>"),
        ("entities", "card no. {}&nbsp;{}&nbsp;{}&nbsp;{}"),
    ):
        whole = text.format(*groups)
        yield form, whole, whole[whole.index(groups[0]) : whole.rindex(groups[3]) + 4]
    yield "glued", f"pay by card{body + _luhn_digit(body)}", body + _luhn_digit(body)


WORDS = "acid beach cargo denial echo fabric garden harvest idle jacket kidney ladder magnet napkin".split()


def said_secret(draw: Draw) -> Iterator[tuple[str, str, str]]:
    """Passwords that are words with a number or in quotes, logins of commands, seeds of wallets."""
    season = draw.choice(["Sommer", "Winter", "Madrid", "Liverpool"]) + str(
        draw.randrange(2001, 2030)
    )
    three = " ".join(draw.sample(WORDS, 3))
    for form, text, value in (
        ("word and year", "The password is {}, can I keep it?", season),
        ("Passwort ist", "Mein Passwort ist {}!", season),
        ("quoted words", 'the passphrase is "{}" since May', three),
        ("curl -u", "curl -u ann:{} https://api.example/v1", season),
        ("seed", "My recovery phrase: {}", " ".join(draw.sample(WORDS, 12))),
        ("JSON in JSON", '"{{\\"password\\": \\"{}\\"}}"', season),
        ("hex key", "private key: {}", "0x" + _letters(draw, 64, "0123456789abcdef")),
    ):
        yield form, text.format(value), value


FRAMED: dict[Kind, Callable[[Draw], Iterator[tuple[str, str]]]] = {
    Kind.CARD: card, Kind.IBAN: iban, Kind.EMAIL: email, Kind.PHONE: phone, Kind.SECRET: secret,
    Kind.NETWORK: network, Kind.PATH: path,
}  # fmt: skip


def positives(seed: int, rounds: int = 12) -> list[MadeText]:
    """Texts with one private value each, every form in `rounds` frames."""
    draw, texts = random.Random(seed), []
    for _ in range(rounds):
        for kind, forms in FRAMED.items():
            for form, value in forms(draw):
                language = draw.choice([*FRAMES])
                if "\n" in value or "\\" in value:
                    language = "en"
                text = draw.choice(FRAMES[language]).format(value)
                texts.append(MadeText(text, kind, value, form))
        texts += [
            MadeText(text, Kind.SECRET, value, form) for form, text, value in named_secret(draw)
        ]
        texts += [MadeText(text, Kind.MARKED, value, form) for form, text, value in marked(draw)]
        texts += [MadeText(text, Kind.CARD, value, form) for form, text, value in pieces(draw)]
        texts += [
            MadeText(text, Kind.SECRET, value, form) for form, text, value in said_secret(draw)
        ]
        texts += [MadeText(text, Kind.NAME, value, form) for form, text, value in name(draw)]
    return texts


PLAIN = """Order {d9} has shipped.|Invoice no. {d4}-{d6} is due.|Version 3.{d2}.{d4} fixes it.|Release v10.{b}.{b}.{b} is out.
On {day}.{month}.2024 at 12:30 we met.|From 2024-{month}-{day} to 2025-{month}-{day}.|Timestamp 17{d8}.|Epoch 17{d11} ms.
ISBN 978-0-{d3}-{d5}-{x}|EAN {ean}|commit {hex40}|sha256:{hex64}|id {uuid}|The server 8.8.{b}.{b} is public.|Use 127.0.0.1:{d4}.
Call 911.|Room {d3}, floor {x}.|It costs $1,{d3},{d3}.00.|{d3} {d3} {d3} people live there.|pi = 3.14159265358979
def add(a, b): return a + b  # line {d3}|self.token = token|password = input("Password: ")|api_key = os.environ["API_KEY"]
The password field is required.|What does a token limit of {d4} mean?|The primary key is user_id.|Explain public key cryptography.
What is the key difference between HTTP/2 and HTTP/3?|max_tokens=4096, temperature=0.7|@media (max-width: {d3}px)|C = A@B.T
See https://example.com/a/{d6}?page={x}.|doi:10.{d4}/j.{d4}.{d2}|arXiv:2403.{d5}|RFC {d4}, section {x}.{x}|/usr/local/lib/python3.11
C:\\Windows\\System32|npm install left-pad@1.{x}.{x}|git clone git@github.com:org/repo.git|Chapter {x}, verses {d2}-{d2}
Score {d2}:{d2}, {d2}:{d2}.|lat {d2}.{d6}, lon -{d2}.{d6}|#ff{d2}a{x}|MAC and PC sales rose {d2} %.|Boeing 737-800, Airbus A320-200
card {badcard} does not exist|account {badiban} is wrong|tracking 1Z{d4}A{d10}|VIN WVWZZZ1JZ3W{d6}|Flight LH{d4} at 07:15
3.{x}.{x}-alpha+{d4}|SELECT * FROM t WHERE id = {d6}|0x{hex8}|{x}/{x} cup of sugar, {d3} g flour|E = mc^2, {x}x^2 + {x}x = 0
The years 1914-1918 and 1939-1945.|1 2 3 4 5 6 7 8 9 10 11 12|a1b2c3|MD5 of "a" is 0cc175b9c0f1b6a831c399e269772661|Team @ 10 am
threading.local() keeps it per thread|~/.local/share/app|http://localhost:{d4}/v1|2001:db8::{x}|example.com has no mail|ORD-{d8}
What is JSON Web Token authentication?|The PIN diode 1N{d4}|My pin code generator in Python|Base64 of "hi" is aGk=|user@host
Die Bestellung {d8} kam an.|Le numéro {d3} est gagnant.|El año 2024 fue bueno.|订单号 {d10}|注文番号 {d8} です|Заказ № {d7}
population 1 412 600 000|0.{d8}|{d2} % of {d5}|ISO 27001:2022|USB-C 3.2 Gen 2x2|p = 0.0{d3}, n = {d4}|{d4}-{d4}|Section 12.3.4.5
What does "confidential" mean?|Explain confidential computing in {x} lines.|Write a non-disclosure agreement.|What is an embargo?
Write a story in which she keeps a secret from her sister.|How do I keep my house plants alive between holidays?
Top secret recipe ideas for {d2} guests|Classified ads of {d4}|Is attorney-client privilege absolute?|Tell me about trade secrets.
Proprietary and open source software, compared|The password is required.|The password is "too short", says the form.
The password is hashed with SHA-{d3}.|The passphrase is Base64 encoded.|My password was changed yesterday
A card game with 4 players and {d2} cards: {d3} points, {d4} rounds|The card reads {d4}-{d4} on the front, table {d3}
Draw card {d2} of {d4}; the deck has {d4} of {d5}|Business cards cost {d3} for {d4} pieces, {d4} for {d5}
Let us meet at the dot on the map|look at the dot com bubble|Recovery words of comfort for a friend after surgery
The internal resistance is {x} ohm.|Share this recipe with {x} friends.|Nobody knows why cats purr.|She works for the press."""


def _fill(draw: Draw, template: str) -> str:
    body = "97801" + _digits(draw, 7)
    ean = sum(int(one) * (3 if place % 2 else 1) for place, one in enumerate(body))
    number = "4" + _digits(draw, 14)
    facts = {f"d{count}": _digits(draw, count) for count in range(2, 12)}
    facts |= {f"hex{count}": _letters(draw, count, "0123456789abcdef") for count in (8, 40, 64)}
    raw = _letters(draw, 32, "0123456789abcdef")
    return template.format(
        **facts, b=draw.randrange(1, 255), x=draw.randrange(1, 10), day=f"{draw.randrange(1, 29):02}",
        month=f"{draw.randrange(1, 13):02}", ean=body + str(-ean % 10), uuid=_grouped(raw, (8, 4, 4, 4, 12), "-"),
        badcard=number + str((int(_luhn_digit(number)) + 1) % 10), badiban=f"DE00{_digits(draw, 18)}",
    )  # fmt: skip


def negatives(seed: int, rounds: int = 8) -> list[MadeText]:
    """Texts without private data, most with numbers or words that look like some."""
    draw = random.Random(seed)
    templates = [one for line in PLAIN.splitlines() for one in line.split("|")]
    return [MadeText(_fill(draw, one), form=one) for _ in range(rounds) for one in templates]


def made(seed: int) -> list[MadeText]:
    """At least 1,000 of each."""
    return positives(seed) + negatives(seed, rounds=10)
