"""What the detectors find, where, and what they leave alone; how often they are right."""

from __future__ import annotations

import time

import pytest

from edge_router.chat.private_data import PrivateKind as Kind
from edge_router.errors import ConfigError
from edge_router.layers.privacy.detectors import PATTERN_SECONDS, Detectors
from edge_router.layers.privacy.finding import Finding, apart
from edge_router.settings.privacy_config import COUNTRIES, DETECTABLE, PrivacyConfig
from tests.privacy_detection import SEED, detection

ALL = Detectors(PrivacyConfig(detect=DETECTABLE, national_ids=COUNTRIES))
USUAL = Detectors(PrivacyConfig())


def findings_in(text: str, detectors: Detectors = USUAL) -> list[tuple[str, str]]:
    """Kinds with the texts that were found."""
    return [(one.kind.value, text[one.start : one.end]) for one in detectors.find(text)]


def test_recall_and_precision_hold_on_two_thousand_made_up_texts() -> None:
    """python -m tests.privacy_detection prints them by kind; those here are of its seed."""
    measured = detection(SEED)
    assert measured.texts >= 1_800
    assert measured.negatives >= 800
    for kind, counts in measured.kinds.items():
        assert counts.recall >= 0.97, kind
        assert counts.precision >= 0.97, kind
    assert measured.alarmed <= 0.01 * measured.negatives


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("4111-1111\n1111 1111", "card", "4111-1111\n1111 1111"),
        ("pay ４２４２４２４２４２４２４２４２ now", "card", "４２４２４２４２４２４２４２４２"),
        ("4242\u200b424242424243", None, ""),
        ("4242\u200b4242\u200b4242\u200b4242", "card", "4242\u200b4242\u200b4242\u200b4242"),
        ("4̲242 4242 4242 4242", "card", "4̲242 4242 4242 4242"),
        ("4242424242424241", None, ""),
        ("0000 0000 0000 0000", None, ""),
        ("GB82 WEST 1234 5698 7654 32.", "iban", "GB82 WEST 1234 5698 7654 32"),
        ("GB83 WEST 1234 5698 7654 32", None, ""),
        ("is 60 units and the height of the prism", None, ""),
        ("call 415-555-2671", "phone", "415-555-2671"),
        ("call me at 5551234567", "phone", "5551234567"),
        ("part 5551234567", None, ""),
        (
            "phone nine one two, five five five, oh one four two",
            "phone",
            "nine one two, five five five, oh one four two",
        ),
        (
            "ruf mich an: null eins sieben sechs vier vier zwo drei",
            "phone",
            "null eins sieben sechs vier vier zwo drei",
        ),
        (
            "мой телефон восемь девять один шесть один два три",
            "phone",
            "восемь девять один шесть один два три",
        ),
        ("llamar uno dos tres cuatro cinco seis siete", None, ""),
        ("call it: ten nine eight seven six five four three two one", None, ""),
        ("nine one one is the number for emergencies", None, ""),
        ("my password is hunter2", "secret", "hunter2"),
        ("mi contraseña es gatito2020.", "secret", "gatito2020"),
        ("pwd tiger123", "secret", "tiger123"),
        ("the password is sha256 hashed", None, ""),
        ("a password hash2 function", None, ""),
        (
            "btc seed: " + " ".join(["abandon"] * 11) + " about",
            "secret",
            " ".join(["abandon"] * 11) + " about",
        ),
        ("\\\\172.1.2.3\\daten\\x", "network", "172.1.2.3"),
        ("smb://nas/anna/letters", "network", "nas"),
        ("//fileserver/home/kurt/payroll", "path", "//fileserver/home/kurt"),
        ("https://example.org/home/kurt", None, ""),
        ("7000 438 398 7950 8000", None, ""),
        ("on 01-02-2024 10:30", None, ""),
        ("a%40b.org and a&#64;b.org", "email", "a%40b.org"),
        ("请发邮件到ann@x.org谢谢", "email", "ann@x.org"),
        ("аnn@example.org", "email", "аnn@example.org"),
        ("ann (at) example (dot) org", "email", "ann (at) example (dot) org"),
        ("```python\n@torch.jit.script", None, ""),
        ("git@github.com:a/b.git", None, ""),
        ("AKIA\u2060IOSFODNN7EXAMPLE", "secret", "AKIA\u2060IOSFODNN7EXAMPLE"),
        (
            "A K I A I O S F O D N N 7 E X A M P L E",
            "secret",
            "A K I A I O S F O D N N 7 E X A M P L E",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n", "secret", "-----BEGIN PRIVATE KEY-----\nMIIE\n"),
        ("redis://:hunter22@cache:6379", "secret", "redis://:hunter22@"),
        ("YW5uQGV4YW1wbGUub3JnIQ==", "email", "YW5uQGV4YW1wbGUub3JnIQ=="),
        ("DB_PASSWORD: hunter2!", "secret", "hunter2"),
        ("password: <your password>", None, ""),
        ("password = $PASSWORD", None, ""),
        ('password = "$ecret!Pa55"', "secret", "$ecret!Pa55"),
        ('password = "[abc]1!x"', "secret", "[abc]1!x"),
        ("api_key=os.environ['K']", None, ""),
        ("sha512-abcdEFGH1234abcdEFGH1234abcdEFGH", None, ""),
        ("https://github.com/A/md/commit/25149d54b93e25f2e30810aabaaa46a58b8bda50", None, ""),
        ("my card: 4111 then 1111, 1111 and 1111", "card", "4111 then 1111, 1111 and 1111"),
        ("card4111111111111111", "card", "4111111111111111"),
        ("4111&nbsp;1111&nbsp;1111&nbsp;1111", "card", "4111&nbsp;1111&nbsp;1111&nbsp;1111"),
        ("cards cost 442 for 0834 pieces, 0834 for 40673", None, ""),
        ("DE00547048318710195657", None, ""),  # check digits that no account has
        ("DE89_3704_0044_0532_0130_00", "iban", "DE89_3704_0044_0532_0130_00"),
        ("616e6e40636c696e69632e6f7267", "email", "616e6e40636c696e69632e6f7267"),
        ("write to ann at clinic dot org", "email", "ann at clinic dot org"),
        ("look at the dot com bubble", None, ""),
        ("тел 4155552671", "phone", "4155552671"),
        ("Мой пароль: hunter2x", "secret", "hunter2x"),
        ("Mein Passwort ist Sommer2024!", "secret", "Sommer2024"),
        ('the passphrase is "three red dogs"', "secret", "three red dogs"),
        ("The password is Base64 encoded", None, ""),
        ('the password is "required"', None, ""),
        ("curl -u ann:S3cret! https://x.org", "secret", "S3cret!"),
        (r'"{\"password\": \"hunter2!x\"}"', "secret", "hunter2!x"),
        ("Confidential: we merge", "marked", "Confidential"),
        ("Это секрет, никому не говори", "marked", "Это секрет"),
        ("Explain confidential computing", None, ""),
        ("how do I keep this secret in Kubernetes?", None, ""),
        ("http://10.1.2.3:80/x", "network", "10.1.2.3"),
        ("8.8.8.8, 127.0.0.1, v10.2.3.4", None, ""),
        ("threading.local", None, ""),
        (r"C:\Users\bob\x", "path", r"C:\Users\bob"),
        ("/home/user/x and /home/$USER", None, ""),
    ],
)
def test_one_text_at_a_time(text: str, kind: str | None, value: str) -> None:
    """The first finding with its exact place, or nothing."""
    expected = [] if kind is None else [(kind, value)]
    assert findings_in(text)[:1] == expected


@pytest.mark.parametrize(
    ("country", "number", "wrong"),
    [
        ("be", "85.07.30-033.28", "85.07.30-033.29"),
        ("br", "529.982.247-25", "529.982.247-26"),
        ("ch", "756.9217.0769.85", "756.9217.0769.86"),
        ("cn", "11010519491231002X", "110105194912310021"),
        ("de", "86095742719", "86095742718"),
        ("es", "X1234567L", "X1234567M"),
        ("fi", "131052-308T", "131052-308U"),
        ("fr", "1 84 12 76 451 089 46", "1 84 12 76 451 089 47"),
        ("gb", "943 476 5919", "943 476 5918"),
        ("in", "2341 2341 2346", "2341 2341 2345"),
        ("it", "RSSMRA85T10A562S", "RSSMRA85T10A562T"),
        ("nl", "111222333", "111222334"),
        ("pl", "44051401359", "44051401358"),
        ("se", "811228-9874", "811228-9875"),
        ("us", "123-45-6789", "666-45-6789"),
    ],
)
def test_a_national_id_is_looked_for_where_its_country_is_named(
    country: str, number: str, wrong: str
) -> None:
    """By its check digits, or, where there are none, by the numbers that nobody has."""
    mine = Detectors(PrivacyConfig(national_ids=(country,), detect=()))
    assert findings_in(f"id {number}, ok", mine) == [("national_id", number)]
    assert findings_in(f"id {wrong}, ok", mine) == []
    assert findings_in(number, Detectors(PrivacyConfig(detect=()))) == []


def test_every_country_of_the_settings_has_its_detector() -> None:
    """So that no name in the settings finds nothing."""
    from edge_router.layers.privacy.national_ids import COUNTRY_IDS

    assert sorted(COUNTRY_IDS) == sorted(COUNTRIES)


def test_names_are_found_where_that_is_asked_for() -> None:
    """By default they are not."""
    text = "Dear Dr. Huber, my name is Anna Smith."
    assert findings_in(text) == []
    assert findings_in(text, ALL) == [("name", "Huber"), ("name", "Anna Smith")]


def test_what_overlaps_becomes_one_and_nothing_is_left_outside() -> None:
    """Whatever the order in which it was found."""
    one, other = Finding(2, 6, Kind.EMAIL), Finding(4, 9, Kind.PHONE)
    inner = Finding(3, 4, Kind.CARD)
    assert [*apart([other, inner, one])] == [Finding(2, 9, Kind.EMAIL)]
    assert [*apart([Finding(0, 1, Kind.CARD), Finding(1, 2, Kind.CARD)])] == [
        Finding(0, 1, Kind.CARD), Finding(1, 2, Kind.CARD),
    ]  # fmt: skip


def test_an_identifier_of_the_protocol_may_look_random() -> None:
    """Unless it says what it is."""
    word = "call_Ab3Xk9Qz7Lm2Vt5Rw8Ys"
    assert USUAL.find(word)
    assert USUAL.find(word, identifier=True) == ()
    assert USUAL.find("ann@x.org", identifier=True)


def test_ones_own_patterns_are_found_over_the_ends_of_windows() -> None:
    """Wherever they stand in a long text, each once."""
    mine = Detectors(PrivacyConfig(detect=(), patterns={"staff": r"EMP-\d{6}"}))
    for place in range(240, 270):
        text = "x" * place + "EMP-123456" + "y" * 600
        assert findings_in(text, mine) == [("pattern", "EMP-123456")]
    assert len(mine.find("EMP-123456 " * 500)) == 500


def test_a_text_that_takes_a_pattern_too_long_counts_as_a_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was not searched in time is not let out."""
    ticks = iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: PATTERN_SECONDS * next(ticks))
    mine = Detectors(PrivacyConfig(detect=(), patterns={"slow": "EMP-1"}))
    (late,) = mine.find("x" * 2_000)
    assert (late.kind, late.detail, late.end) == (Kind.PATTERN, "slow", 2_000)


def test_a_wrong_setting_is_refused_by_name() -> None:
    """With what would be right."""
    wrong = [
        ({"cloud": "no"}, "cloud = 'no' in PrivacyConfig must be one of allow, redact, ask, never"),
        ({"detect": ["mail"]}, "'mail' must be one of email"),
        ({"detect": 3}, "must be a list of email"),
        ({"national_ids": "us,xx"}, "'xx' must be one of be, br"),
        ({"patterns": {"a": "(x+)+y"}}, "may take too long on some texts"),
        ({"patterns": {"a": "("}}, "is no regular expression"),
        ({"patterns": ["a"]}, "must be a table"),
    ]
    for settings, message in wrong:
        with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
            PrivacyConfig(**settings)  # type: ignore[arg-type]
    assert PrivacyConfig(national_ids="us, de").national_ids == ("us", "de")  # type: ignore[arg-type]
