"""The report of a log: its figures, and its page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from edge_router.learning.report.html import report_page
from edge_router.learning.report.reason_words import reason_words
from edge_router.learning.report.report import Report, Stretch, report_of
from edge_router.learning.report.summary import ReadPrice
from edge_router.routing.deciding.reason import Reason
from made_answers import answers, row, simulated

PRICES = {
    "cloud": ReadPrice(usd_per_token=1e-6),
    "local": ReadPrice(usd_per_second=0.01, on_device=True),
}


def report(*rows: object, **how: object) -> Report:
    """Of these rows, or of made-up ones."""
    made = list(rows) or simulated(1, 300, knows=1.0, scored=0.5, exploration=0.1)
    return report_of(answers(made), **how)  # type: ignore[arg-type]


class Reader(HTMLParser):
    """Checks that each element is closed."""

    VOID = ("meta", "br", "path", "circle", "rect", "polyline")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_experts_are_summed_up() -> None:
    """Answers, dollars, what went otherwise, and percentiles of complete answers only."""
    found = report(
        row(1, total_s=1.0),
        row(2, total_s=3.0),
        row(3, total_s=99.0, ended="cancelled"),
        row(4, expert="cloud", answered_by="local", cost_usd=None),
        row(5, expert="cloud", score=0.5),
    )
    local, cloud = found.experts
    assert (local.name, local.answers, local.ended_early, local.stepped_in) == ("local", 4, 1, 1)
    assert (local.unpriced, local.score) == (1, None)
    assert local.total_s is not None
    assert local.total_s[0] == 1.0
    assert local.total_s[2] < 3.0
    assert (cloud.usd, cloud.score, cloud.scored) == (0.01, 0.5, 1)


def test_cached_reads_and_reading_again_are_priced() -> None:
    """Dollars off in the cloud, seconds of waiting on the device."""
    rows = [
        row(1, expert="cloud", input_tokens=1000, cached_tokens=800),
        row(2, expert="cloud", input_tokens=500),
        row(3, input_tokens=70, first_token_s=2.0),
    ]
    reading = {one.name: one for one in report(*rows, prices=PRICES, cached_share=0.1).reading}
    cloud, local = reading["cloud"], reading["local"]
    assert (cloud.tokens, cloud.cached, cloud.told) == (1500, 800, 1)
    assert cloud.cached_saved_usd == pytest.approx(800e-6 * 0.9)
    assert (local.read_s, local.read_usd) == (2.0, pytest.approx(0.02))
    assert local.cached_saved_usd is None


def test_the_shadow_is_compared() -> None:
    """How often, in what, by the estimates."""
    found = report(row(1, shadow="cloud"), row(2, shadow="local"), row(3)).shadow
    assert found is not None
    assert (found.answers, found.differs, found.moves) == (2, 1, {"local to cloud": 1})
    assert found.quality == pytest.approx(0.15)
    assert found.usd == pytest.approx(0.005)
    assert report(row(1)).shadow is None


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    """No script, no link elsewhere; each element is closed."""
    page = report_page(report(drift=[Stretch(True, 0.001, "They drift.")]))
    reader = Reader()
    reader.feed(page.partition("\n")[2])
    assert reader.open == []
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!#)', page)
    assert "prefers-color-scheme: dark" in page
    assert "They drift." in page


def test_names_are_shown_not_run() -> None:
    """An expert may be called anything."""
    evil = "<script>alert(1)</script>"
    expected = {evil: [0.5, 0.0, 1, 9], "cloud": [0.8, 0.01, 1, 9]}
    rows = [row(1, expert=evil, estimates=expected, cost_usd=0.0, reason=evil, shadow="cloud")]
    assert evil not in report_page(report(*rows))


def test_a_page_is_made_of_the_poorest_log() -> None:
    """One answer, no price, no reason, a time without a date, damaged neighbours."""
    poor = row(1, cost_usd=None, reason="", time=1e18, input_tokens=None)
    poor["estimates"] = {"local": [0.5, None, 1.0, 9.0]}
    page = report_page(report(poor))
    assert "nothing to judge" in page
    assert "no date" in page


def test_json_holds_every_figure() -> None:
    """And whether it paid; it is plain JSON."""
    fields = json.loads(json.dumps(report().to_json()))
    assert fields["paid"] is True
    assert fields["savings"]["evidence"] == "exploration"
    assert fields["verdict"].startswith("Routing paid")
    assert {one["name"] for one in fields["experts"]} == {"local", "cloud"}


@pytest.mark.parametrize("reason", [*Reason, "fallback", "hedged", "", "of_tomorrow"])
def test_every_reason_has_words(reason: str) -> None:
    """Also one of a later version."""
    assert reason_words(str(reason))
