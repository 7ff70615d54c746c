"""Private data as people of many countries and languages write it, and what only looks like it."""

from __future__ import annotations

import time
import unicodedata

import pytest

from edge_router.layers.privacy.detectors import Detectors
from edge_router.layers.privacy.readable import readable
from edge_router.layers.privacy.words.markings import LABELS, SAYINGS
from edge_router.layers.privacy.words.passwords import CODES, PASSWORDS
from edge_router.layers.privacy.words.phones import PHONE
from edge_router.layers.privacy.words.table import any_of, listed, stems
from edge_router.settings.privacy_config import PrivacyConfig

USUAL = Detectors(PrivacyConfig())
IDS = Detectors(PrivacyConfig(national_ids=("es", "us")))

PRIVATE = """
phone|my mobile's {07721 014156}
phone|Du erreichst mich unter {01712317764}
phone|Mon numéro est le {0723267938}
phone|Il mio numero di cellulare è {396 937 29 30}
phone|O meu telemóvel é {995 722 008}
phone|tlf. {93797276}
phone|tel. kom. {650326245}
phone|позвони мне: {89200080623}
phone|ΚΙΝΗΤΟ {6936949235}
phone|κινητό: {6936949235}
phone|جوال: {0586844318}
phone|我的手机号是{13200020101}
phone|โทร. {0853412136}
phone|SĐT: {0911436700}
phone|{{"phone_number": "{5551234567}"}}
email|{o'neil@example.ie} wrote
email|{первый@пример.рф} написал
email|{بريد@مثال.إختبار}
email|write to {jane{{at}}example{{dot}}com}
email|write to {jane_at_example_dot_com}
email|{jane&commat;example&period;com}
email|{jane@ example.com} is my mail
email|mi correo es {juan arroba example punto com}
email|mon mail : {jean arobase example point fr}
email|{jane\\x40example.com}
email|"{{\\"b\\": \\"{{\\\\\\"to\\\\\\": \\\\\\"{jane\\\\\\\\u0040example.com}\\\\\\"}}\\"}}"
email|https://x.example/?to={jane%2540example.com}
email|{j a n e @ e x a m p l e . c o m}
iban|IBAN{BE94681173206001}
card|Maestro {6759 5652 7026 5145}
secret|пароль: {Zenit!2008}
secret|мой пароль {Spartak1922!x}
secret|hasło: {Kotek!123}
secret|HASLO: {Kotek!123}
secret|jelszó: {Buda!Pest5}
secret|κωδικός: {Athina!04x}
secret|סיסמה: {Tel!Aviv09}
secret|비밀번호는 {Seoul!1988} 입니다
secret|mật khẩu: {Hanoi!2020}
secret|your verification code is {593021}
secret|code de sécurité {7712} pour l'alarme
secret|CVV {382}
secret|user: bob pass: {b0bR0cks}!
secret|root:{t00rT00r!}@web1:22
secret|mysql -u root -p{S3cretPw!} db
secret|<password>{Geheim!44}</password>
secret|WIFI:T:WPA;S:home;P:{hunter2wifi};;
secret|machine api.example login ann password {hunter2x9}
secret|cookie: a=1; sessionid={909a39e5e32bc556202c247e1de30ca6}
secret|https://hooks.example/T0?token={OXPuFnBYPJMWnFcE}
secret|Product key: {52C56-KDWQA-TFPAB-T2808-ECELX}
secret|twilio {SK4593dedd634d54a7dc843565f6ef306e}
secret|api key is {1904a170-587c-7a43-7ecb-4e59b08f1350}
phone|llámame mañana al {612 345 987}
phone|звоните по номеру {8 800 555 35 35}
phone|nomor wa saya {081234598765}
phone|wa.me/{4915112345987}
email|write to {jane.doe [@] example.com}
email|{jane dot doe at example dot com}
secret|Mein WLAN-Schlüssel lautet {8273645198273645}
secret|WPA2 key: {8273-6451-9827-3645}
secret|我的银行卡密码是{482913}
secret|暗証番号は{4829}です
secret|clave del wifi: {Zebra!9x}
secret|my TOTP secret {JBSWY3DPEHPK3PXP}
secret|docker login -u a -p {Zebra9Lamp!}
secret|12 words: {legal winner thank year wave sausage worth useful legal winner thank yellow}
network|ping {192.168.1[.]7}
network|{001b.4411.3ab7} on port 3
network|open \\\\{SRV01}\\data\\x
network|{vault.service.consul}
path|open {\\\\srv\\home\\jdoe}\\x
path|"{\\\\\\\\NAS-2\\\\users\\\\mlopez}\\\\tax.xlsx"
path|file://{/home/jdoe}/x
path|{/nfs/home/jdoe}
path|{/home/users/jdoe}/x
path|{/Volumes/Macintosh HD/Users/jdoe}/x
path|{C:\\Benutzer\\jdoe}
path|cd {~jdoe}/public_html
marked|{Konfidentiellt}: siffror
marked|{Důvěrné}: čísla
marked|{DUVERNE}: cisla
marked|{Εμπιστευτικό}: στοιχεία
marked|{СЕКРЕТНО}: план
marked|{Gizli}: rakamlar
marked|{סודי}: נתונים
marked|{سري للغاية}: أرقام
marked|{机密}：财报
marked|【{社外秘}】売上
marked|{Rahasia}: laporan
marked|Bitte {behandle das vertraulich}: Kündigung
marked|{nie mów nikomu}, odchodzę
marked|{別告訴別人}，我要離職
marked|{unter uns gesagt}: er geht
marked|{es un secreto}, me caso
marked|{non parlarne con nessuno}
marked|{请保密}
marked|{비밀로 해}줘
"""
CASES = [line.split("|", 1) for line in PRIVATE.strip().splitlines()]


@pytest.mark.parametrize(("kind", "text"), CASES)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_private_data_is_seen_in_many_languages(kind: str, text: str, form: str) -> None:
    """Also where letters and their marks are apart, as in names of files of a Mac."""
    text = text.replace("{{", "\0").replace("}}", "\1")
    before, value, behind = text.replace("}", "{").split("{")
    whole, value, before = (
        unicodedata.normalize(form, one.replace("\0", "{").replace("\1", "}"))
        for one in (before + value + behind, value, before)
    )
    if form == "NFD" and any("\uac00" <= one <= "\ud7a3" for one in text):
        pytest.skip("syllables of Korean in pieces are not read")
    start, end = len(before), len(before) + len(value)
    end -= unicodedata.combining(value[-1]) > 0
    assert any(
        one.kind == kind and one.start <= start and end <= one.end for one in USUAL.find(whole)
    ), whole


@pytest.mark.parametrize(
    "text",
    [
        "Заказ номер 1234567890", "numéro de série 12345678", "nomor faktur 12345678",
        "La Liga 2023-2024", "we reach 1000000 users", "call volume 2023 2024",
        "order 112-0055358-2272322",
        "Rechnung Nr. 087794-40", "EAN 4006381333932", "e = 2.718281828459045",
        "aim at target point blank", "Pierre et Marie point barre", "password reset takes 24h",
        "Das Passwort ist abgelaufen seit 2023", "security code review of 2024", "tan 180 degrees",
        r"Hello \\nfoo\\nbar", r"matrix \\alpha\beta", r"\\server\share is a UNC path",
        "GET /api/home/dashboard", "https://x.org/home/index", "~/.bashrc and a ~ b/c",
        "output_tokens: Float64s", "first_token_s: Float64s", "token: Sequence[float | None],",
        "dead.beef.cafe", "fifth sixth 10 9 8 7 6 5 50 40 30 20 16 12 60 40 32 24",
        "Nobody else knows how to bake like grandma.", "Do not share links in your answer.",
        "Classified ads of 1920", "Geheimnisse der Pyramiden", "Что значит конфиденциально?",
        "什么是保密协议？", "mot de passe oublié", "пароль не подходит", "пароль: <ваш пароль>",
    ],
)  # fmt: skip
def test_what_only_looks_private_passes(text: str) -> None:
    """Numbers of invoices, seasons, newlines of JSON, words about secrets."""
    assert USUAL.find(text) == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [("mi DNI: 34.879.234-X", "34.879.234-X"), ("my SSN is 265402453", "265402453")],
)
def test_ids_are_seen_in_other_forms(text: str, value: str) -> None:
    """With points, or without dashes behind their name."""
    assert [text[one.start : one.end] for one in IDS.find(text)] == [value]


@pytest.mark.parametrize("table", [LABELS, SAYINGS, PASSWORDS, CODES, PHONE])
def test_a_text_without_a_stem_has_none_of_the_words(table: dict[str, str]) -> None:
    """Stems save the search of most texts, so each word has one, in any case."""
    for words in table.values():
        for word in listed(words):
            plain = word.replace("\\ ", " ")
            if any(one in plain for one in "()[]?\\|"):
                continue
            for form in (plain, plain.upper(), plain.title()):
                lower = readable(form).text.lower()
                assert any(stem in lower for stem in stems({"": word})), form


def test_alternatives_of_a_script_without_blanks_need_no_blanks() -> None:
    """Others are whole words."""
    pattern = any_of({"en": "pass", "zh": "密码"}, before=r"(?<!\w)", behind=r"(?!\w)")
    assert pattern == r"(?:(?<!\w)(?:pass)(?!\w)|密码)"


def test_the_words_of_all_languages_take_linear_time() -> None:
    """A text of one word again and again, twice as long, takes no four times as long."""
    for word in (
        "<password>",
        "call me at ",
        "a at b dot ",
        "\\\\a1\\",
        "cookie: sid=",
        "1234567 ",
    ):
        once, twice = (_seconds(word * count) for count in (150, 300))
        assert twice < 4 * once + 0.05, word


def _seconds(text: str) -> float:
    started = time.process_time()
    USUAL._find(text, False)
    return time.process_time() - started


@pytest.mark.parametrize(
    "text",
    [
        "密码学中RSA2048和AES256的区别",
        "密碼學裡的SHA3和MD5有什麼不同",
        "암호화폐 BTC2024 전망은?",
        "암호학에서 RSA2048과 AES256의 차이",
        "Mobile 2024 2025 2026 sales forecast",
        "Telefon 2023 2024 2025 karşılaştır",
        "La contraseña de Windows11Pro se olvidó",
        "This is confidential computing on Azure, explain.",
        "Nobody knows yet whether P equals NP.",
    ],
)
def test_ordinary_words_that_begin_like_private_ones(text: str) -> None:
    """Cryptography or half a word is no password, years no phone, an open question no secret."""
    assert USUAL.find(text) == ()
