"""Runs the reported cases and prints a table: which of them come out right.

    python tests/integration/reported_cases.py [--cases FOLDER] [--before PYTHON] [NAME ...]

Each case is a small script after a public bug report, in a folder beside this repository; its first
lines say what is right. `--before` adds a column for another installation.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

CASES = Path(__file__).parents[3] / "shared" / "cases" / "reports"
LONGEST_S = 420

# Where the modules that the cases import live since they were written.
MOVED = {
    "edge_router.backends.transport": "edge_router.backends.http.transport",
    "edge_router.config": "edge_router.settings.config",
    "edge_router.policy": "edge_router.settings.constraints",
}


@dataclass(frozen=True)
class Case:
    """`right` judges what a script prints, both streams together."""

    script: str
    kind: str
    right: Callable[[str], bool]

    @property
    def name(self) -> str:
        return self.script.partition("_")[0] + self.script[-3:].replace(".py", "")


def _without(*patterns: str) -> Callable[[str], bool]:
    """Nothing of `patterns` is printed, but something is."""
    return lambda printed: bool(printed.strip()) and not re.search("|".join(patterns), printed)


def _with(*patterns: str) -> Callable[[str], bool]:
    """Everything of `patterns` is printed, and no traceback."""
    return lambda printed: (
        "Traceback" not in printed and all(re.search(pattern, printed) for pattern in patterns)
    )


def _stays_within_a_dollar(printed: str) -> bool:
    spent = [float(message) for message in re.findall(r"answers for \$([0-9.]+)", printed)]
    return len(spent) == 2 and 0 < min(spent) <= max(spent) <= 1.0


def _is_booked(printed: str) -> bool:
    message = re.findall(r"(\d+) answers begun, (\d+) records, budget left \$([0-9.]+)", printed)
    return len(message) == 3 and all(a == b and float(left) < 1.0 for a, b, left in message)


def _stops_soon(printed: str) -> bool:
    took = re.findall(r"failed 0 of .*\['ended'\] ([0-9.]+) s after", printed)
    return len(took) == 2 and max(map(float, took)) <= 0.5


def _keeps_or_refuses(printed: str) -> bool:
    """Nothing leaks; a slip is refused where the script makes it, which ends it."""
    refused = "ConfigError: placement = 'only-on-device'" in printed
    return "LEAKED" not in printed and printed.count("kept   ") >= 2 and refused


def _hides_secrets(printed: str) -> bool:
    """And `doctor` refuses what `ask` refuses."""
    codes = re.findall(r"^(doctor|ask hi): exit (\d+)", printed, re.MULTILINE)
    pairs = list(zip(codes[::2], codes[1::2], strict=False))
    return "shows the secret: 0" in printed and not (
        re.search("shows the secret: [1-9]", printed)
        or any(ask[1] != "0" and doctor[1] == "0" for doctor, ask in pairs)
    )


RAW = "Traceback", r"(^|\n)[\w.]*Error: "  # the first and the last line of an error that escaped
BAD = r"(^|\n)(BAD|ERR|LEAKED)", *RAW
TABLE = (
    Case("case01_finish_reason_empty_string.py", "what servers send", _without(*BAD)),
    Case("case02_refuses_max_tokens_and_temperature.py", "refusals", _with("answered: 42")),
    Case("case03_dangling_ssl_cert_file.py", "the system", _without("ESCAPES", "Traceback")),
    Case("case03_dangling_ssl_cert_file.sh", "the system", _without(*RAW)),
    Case("case04_content_as_list_of_parts.py", "what servers send", _without(*BAD)),
    Case("case05_budget_and_cancelled_streams.py", "money", _is_booked),
    Case("case06_budget_and_parallel_queries.py", "money", _stays_within_a_dollar),
    Case("case07_first_token_after_25_s.py", "waiting", _without(*BAD)),
    Case("case08_gguf_chat_templates.py", "GGUF", _without(*BAD)),
    Case("case09_byte_order_mark.sh", "the system", _without(*RAW, "UTF-8 BOM", "not TOML")),
    Case("case10_no_home.sh", "the system", _without(*RAW)),
    Case("case11_stdout_cannot_write_it.py", "the system", _without(*BAD)),
    Case("case12_fork_after_first_use.py", "fork", _without("BAD", "ran out of time")),
    Case(
        "case12b_fork_with_an_open_connection.py", "fork",
        _with(r"parent 0 of 8, children \[0, 0, 0\]"),
    ),
    Case("case14_stop_on_every_chunk.py", "what servers send", _without(*BAD)),
    Case("case15_placement_as_plain_text.py", "privacy", _keeps_or_refuses),
    Case("case17_all_tokens_spent_on_thinking.py", "what servers send", _with("is empty")),
    Case("case18_frames_that_are_no_chunks.py", "what servers send", _without(*BAD)),
    Case(
        "case23_conversations_of_an_odd_shape.py", "conversations",
        _with("ok  developer role", "ok  text parts", "ok  extra keys"),
    ),
    Case("case24_frozen_app.py", "the system", _without("BAD", "Traceback")),
    Case("case27_context_length_settings.py", "GGUF", _without("exit -", "Traceback")),
    Case("case28_kept_connections_that_died.py", "waiting", _without("Error:", "Unavailable")),
    Case("case29_a_hook_that_fails.py", "hooks", _without("LOST", "hooks ran: False")),
    Case("case31_stop_button_in_another_thread.py", "ending", _stops_soon),
    Case("case33_no_proxy_with_ranges.py", "the system", _without(*BAD)),
    Case("case35_doctor_and_secrets.sh", "secrets", _hides_secrets),
    Case(
        "case37_prices_that_are_no_prices.py", "tables",
        _with("price -2000 .*exit [12]", "price NaN .*exit [12]", "price true .*exit [12]",
              "costs as a list .*exit [12]", "one price null .*exit 0"),
    ),
)  # fmt: skip


def ran(case: Case, folder: Path, python: str) -> str:
    """What the script prints when that Python runs it."""
    source = (folder / case.script).read_text(encoding="utf-8")
    for old, new in MOVED.items() if python == sys.executable else ():
        source = re.sub(rf"\b{re.escape(old)}\b", new, source)
    with tempfile.TemporaryDirectory() as place:
        script = Path(place, case.script)
        script.write_text(source, encoding="utf-8")
        command = Path(python).with_name("edge-router")
        shell = ["sh"] if script.suffix == ".sh" else [python]
        environment = os.environ | {
            "PY": python, "ER": str(command), "XDG_DATA_HOME": place, "XDG_CONFIG_HOME": place,
        }  # fmt: skip
        try:
            done = subprocess.run(
                [*shell, str(script)], capture_output=True, timeout=LONGEST_S, check=False,
                env=environment, cwd=place,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "BAD it did not end"
    return (done.stdout + done.stderr).decode(errors="replace")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=Path, default=CASES)
    parser.add_argument("--before", metavar="PYTHON", help="another installation's interpreter")
    parser.add_argument("--show", action="store_true", help="print what wrong ones print")
    parser.add_argument("names", nargs="*", help="such as case15; default: all")
    options = parser.parse_args(arguments)
    failed = 0
    print(f"{'case':<12}{'kind':<20}{'before':<9}{'now':<8}seconds")
    for case in TABLE:
        if options.names and case.name not in options.names:
            continue
        before = "-"
        if options.before:
            before = "right" if case.right(ran(case, options.cases, options.before)) else "WRONG"
        started = time.monotonic()
        printed = ran(case, options.cases, sys.executable)
        right = case.right(printed)
        failed += not right
        took = time.monotonic() - started
        print(
            f"{case.name:<12}{case.kind:<20}{before:<9}{'right' if right else 'WRONG':<8}{took:.1f}"
        )
        if options.show and not right:
            print(printed)
        sys.stdout.flush()
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
