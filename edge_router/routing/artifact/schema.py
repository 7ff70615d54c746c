"""What the JSON files of an artifact must hold, checked when it is loaded: nothing of it is used
before it is of the right kind and within bounds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from reprlib import repr as short
from typing import Any, NoReturn

from edge_router.errors import ArtifactCorrupt

__all__ = ["Checked", "check_calibration", "check_experts"]

LARGEST = 1e6  # of a weight, a bias or a log-odds
MAX_TEXT, MAX_NAME = 20_000, 200
MAX_DEPTH = 20
TOP = "its top level"
HEAD = frozenset({"bias", "weights", "log_tokens"})
TOOLS_HEAD = frozenset({"bias", "weights"})
PROFILE, EXPERT = frozenset({"head", "reference", "models"}), frozenset({"head"})
REFERENCE = "frontier"  # the router compares with it

Check = Callable[["Checked", Any, str], None]


class Checked:
    """Checks of one file; each raises ArtifactCorrupt with the file, the field and its value."""

    def __init__(self, where: str) -> None:
        self.where = where

    def refuse(self, value: object, field: str, wanted: str) -> NoReturn:
        raise ArtifactCorrupt(
            f"{self.where}: {field} is {short(value)} ({type(value).__name__}), not {wanted}"
        )

    def text(self, value: Any, field: str, longest: int = MAX_NAME) -> None:
        if type(value) is not str or len(value) > longest:
            self.refuse(value, field, f"a text of at most {longest} characters")
        if longest <= MAX_NAME and not value.isprintable():
            self.refuse(value, field, "a text that can be printed")

    def whole(self, value: Any, field: str, least: int, most: int) -> None:
        if type(value) is not int or not least <= value <= most:
            self.refuse(value, field, f"a whole number in {least}..{most}")

    def number(self, value: Any, field: str, least: float, most: float) -> None:
        if type(value) not in (int, float) or not least <= value <= most:
            self.refuse(value, field, f"a number in {least:g}..{most:g}")

    def fields(
        self, value: Any, field: str, required: Collection[str], optional: Collection[str] = ()
    ) -> None:
        """An object with all of the `required` names and no others but the `optional` ones."""
        if type(value) is dict and value.keys() == required:  # quick, there are many heads
            return
        self.object(value, field)
        odd = sorted((set(required) - value.keys()) | (value.keys() - {*required, *optional}))
        if odd:
            raise ArtifactCorrupt(
                f"{self.where}: {field} has missing or unknown fields: {short(odd)}"
            )

    def object(self, value: Any, field: str) -> None:
        if type(value) is not dict:
            self.refuse(value, field, "an object")

    def items(self, value: Any, field: str, check: Check) -> None:
        """An object whose names can be printed and whose values pass the `check`."""
        self.object(value, field)
        for name, item in value.items():
            self.text(name, f"a name in {field}")
            check(self, item, f"{field}.{name}")

    def listed(self, value: Any, field: str, check: Check) -> None:
        if type(value) is not list:
            self.refuse(value, field, "a list")
        for number, item in enumerate(value):
            check(self, item, f"{field}[{number}]")

    def numbers(self, value: Any, field: str, count: int) -> None:
        """A list of `count` numbers within ±LARGEST; quick, since there are many of them."""
        if type(value) is not list or len(value) != count:
            size = f" of {len(value)}" if isinstance(value, list) else ""
            self.refuse(value, f"{field}{size}", f"a list of {count} numbers")
        kinds = set(map(type, value))
        sound = kinds <= {int, float} and min(value) >= -LARGEST and max(value) <= LARGEST
        if not sound:
            for number, item in enumerate(value):
                self.number(item, f"{field}[{number}]", -LARGEST, LARGEST)

    def plain(self, value: Any, field: str, depth: int = MAX_DEPTH) -> None:
        """Any JSON value within bounds: it is shown, nothing is computed with it."""
        if depth == 0:
            self.refuse(value, field, f"nested at most {MAX_DEPTH} deep")
        if type(value) is dict:
            for name, item in value.items():
                self.text(name, f"a name in {field}", MAX_TEXT)
                self.plain(item, field, depth - 1)
        elif type(value) is list:
            for item in value:
                self.plain(item, field, depth - 1)
        elif type(value) is str:
            self.text(value, field, MAX_TEXT)
        elif type(value) in (int, float):
            self.number(value, field, -1e18, 1e18)


def name(check: Checked, value: Any, field: str) -> None:
    check.text(value, field)


def check_experts(content: Any, where: str, dim: int) -> None:
    """Check experts.json, whose heads take vectors (dim,). Raises ArtifactCorrupt."""
    check = Checked(where)

    def head(check: Checked, value: Any, field: str) -> None:
        check.fields(value, field, HEAD)
        check.number(value["bias"], f"{field}.bias", -LARGEST, LARGEST)
        check.number(value["log_tokens"], f"{field}.log_tokens", -100, 100)
        check.numbers(value["weights"], f"{field}.weights", dim)

    def profile(check: Checked, value: Any, field: str) -> None:
        check.fields(value, field, PROFILE)
        head(check, value["head"], f"{field}.head")
        _check_reference(check, value["reference"], f"{field}.reference")
        check.listed(value["models"], f"{field}.models", name)

    def expert(check: Checked, value: Any, field: str) -> None:
        check.fields(value, field, EXPERT)
        head(check, value["head"], f"{field}.head")

    def tools(check: Checked, value: Any, field: str) -> None:
        check.fields(value, field, TOOLS_HEAD)
        check.number(value["bias"], f"{field}.bias", -LARGEST, LARGEST)
        check.numbers(value["weights"], f"{field}.weights", dim)

    check.fields(content, TOP, ("profiles", "experts"), ("needs_tools",))
    check.items(content["profiles"], "profiles", profile)
    check.items(content["experts"], "experts", expert)
    if "needs_tools" in content:
        tools(check, content["needs_tools"], "needs_tools")
    if REFERENCE not in content["profiles"]:
        raise ArtifactCorrupt(f"{where} has no profile {REFERENCE!r}")


def _check_reference(check: Checked, value: Any, field: str) -> None:
    check.fields(value, field, ("location", "pricing", "speed"), ("context_tokens",))
    if value["location"] not in ("device", "cloud"):
        check.refuse(value["location"], f"{field}.location", '"device" or "cloud"')
    if value.get("context_tokens") is not None:
        check.whole(value["context_tokens"], f"{field}.context_tokens", 1, 10**9)
    pricing, speed = value["pricing"], value["speed"]
    prices = ("input_usd_per_million", "output_usd_per_million")
    check.fields(pricing, f"{field}.pricing", prices)
    for price in prices:
        check.number(pricing[price], f"{field}.pricing.{price}", 0, 1e9)
    rates, seconds = ("input_tokens_per_s", "output_tokens_per_s"), ("start_s",)
    rare = ("cold_s", "input_growth_s", "output_growth_s")
    check.fields(speed, f"{field}.speed", (*rates, *seconds), rare)
    for rate in rates:
        check.number(speed[rate], f"{field}.speed.{rate}", 1e-6, 1e9)
    for time in (*seconds, *rare):
        check.number(speed.get(time, 0), f"{field}.speed.{time}", 0, 1e6)


def check_calibration(content: Any, where: str) -> None:
    """Check calibration.json. Raises ArtifactCorrupt."""
    check = Checked(where)
    check.fields(content, TOP, ("temperature", "operating_points"), ("ece", "brier"))
    check.number(content["temperature"], "temperature", 1e-3, 1e3)
    for measure in ("ece", "brier"):
        check.number(content.get(measure, 0), measure, 0, 1)
    check.items(content["operating_points"], "operating_points", _check_point)


def _check_point(check: Checked, value: Mapping[str, Any], field: str) -> None:
    check.fields(value, field, ("promise", "price", "least_quality"), ("evidence",))
    check.text(value["promise"], f"{field}.promise")
    check.number(value["price"], f"{field}.price", -1, 1)
    check.number(value["least_quality"], f"{field}.least_quality", 0, 1)
    check.plain(value.get("evidence"), f"{field}.evidence")
