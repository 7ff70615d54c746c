"""edge-router privacy check, the doctor's line on it, and the question that chat asks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from command_line import TWO_EXPERTS, run
from edge_router.chat.private_data import PrivateKind
from edge_router.cli.commands.machine import doctor
from edge_router.cli.consent import Asked
from edge_router.layers.privacy.gate import ConsentQuestion
from edge_router.settings.config import Config
from edge_router.settings.location import Location
from made_experts import CLOUD, LOCAL

TEXT = "mail ann@x.org, id 123-45-6789, EMP-7"
PRIVACY = '[privacy]\ncloud = "never"\nnational_ids = ["us"]\npatterns = { staff = "EMP-[0-9]+" }\n'


@pytest.fixture
def config(tmp_path: Path) -> str:
    """Settings with two experts and a strict cloud."""
    file = tmp_path / "config.toml"
    file.write_text(TWO_EXPERTS + PRIVACY)
    return str(file)


def test_it_shows_what_would_be_found(capsys: pytest.CaptureFixture[str], config: str) -> None:
    """Kinds and places on standard output; who would read it beside."""
    code, out, err = run(capsys, "privacy", "check", TEXT, "--config", config)
    assert (code, out.splitlines()) == (0, [
        "email at 5-14: ann@x.org", "national_id (us) at 19-30: 123-45-6789",
        "pattern (staff) at 32-37: EMP-7",
    ])  # fmt: skip
    assert err.splitlines() == [
        "local: read private data as it is", "cloud: are not asked with private data",
    ]  # fmt: skip


def test_json_has_kinds_and_spans_and_no_value(
    capsys: pytest.CaptureFixture[str], config: str
) -> None:
    """For programs and for logs."""
    code, out, _ = run(capsys, "privacy", "check", TEXT, "--json", "--config", config)
    assert code == 0
    told = json.loads(out)
    assert told["findings"][0] == {"kind": "email", "start": 5, "end": 14, "detail": ""}
    assert told["experts"] == {"local": "allow", "cloud": "never"}
    assert "ann" not in out


def test_route_decides_as_an_answer_would(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, config: str
) -> None:
    """One query, and a batch."""
    wish = ("--placement", "prefer_in_cloud", "--config", config)
    assert run(capsys, "route", TEXT, *wish)[1] == "local\n"
    assert run(capsys, "route", "Hello.", *wish)[1] == "cloud\n"
    batch = tmp_path / "batch.jsonl"
    batch.write_text(json.dumps({"query": TEXT}) + "\n" + json.dumps({"query": "Hello."}) + "\n")
    _, out, _ = run(capsys, "route", "--json", "--batch", str(batch), *wish)
    assert [json.loads(line)["expert"] for line in out.splitlines()] == ["local", "cloud"]
    assert json.loads(out.splitlines()[0])["reason"] == "private_email"


def test_a_plain_text_has_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Which is said."""
    assert run(capsys, "privacy", "check", "Hello.")[:2] == (0, "nothing private was found\n")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('cloud = "no"', "cloud = 'no' in [privacy] must be one of allow, redact, ask, never"),
        ('clouds = "never"', "unknown key 'clouds' in [privacy]; did you mean 'cloud'?"),
        ('patterns = { a = "(x+)+y" }', "may take too long on some texts"),
        ('detect = ["mail"]', "'mail' must be one of email, phone"),
    ],
)
def test_wrong_settings_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, table: str, message: str
) -> None:
    """By name and value, with what would be right."""
    file = tmp_path / "config.toml"
    file.write_text(f"[privacy]\n{table}\n")
    code, _, err = run(capsys, "privacy", "check", "Hello.", "--config", str(file))
    assert code == 2
    assert message in err


def _line(**privacy: Any) -> list[str]:
    config = Config(experts={"local": LOCAL, "cloud": CLOUD}, privacy=privacy)  # type: ignore[arg-type]
    return [one.detail for one in doctor.examine(config) if one.name == "privacy"]


def test_the_doctor_says_who_reads_private_data() -> None:
    """By default too; where no expert is elsewhere there is nothing to say."""
    assert "cloud: read private data as it is (the default; [privacy] cloud" in _line()[0]
    strict = _line(cloud="redact", detect=["email"], national_ids=["us"], patterns={"a": "b+"})[0]
    assert "local: read private data as it is; cloud: get placeholders for private data" in strict
    assert strict.endswith("looked for: email, national_id us, pattern a")
    assert [c for c in doctor.examine(Config()) if c.name == "privacy"] == []


def test_chat_asks_on_the_terminal_and_remembers_a_no(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything but yes is no; control characters of a value are shown as escapes."""
    typed = iter(["", "y"])
    monkeypatch.setattr("builtins.input", lambda: next(typed))
    asked = Asked()
    first = ConsentQuestion("cloud", Location.CLOUD, ((PrivateKind.EMAIL, "a@x.org\x1b[2J"),))
    assert asked(first) is False
    assert asked(first) is False  # without being asked
    assert asked(ConsentQuestion("cloud", Location.CLOUD, ((PrivateKind.PHONE, "555"),))) is True
    shown = capsys.readouterr().err
    assert "cloud (cloud) would read an e-mail address: a@x.org\\x1b[2J" in shown
