"""The ledger: reserved at the most, corrected once, the same for all who share the file."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.errors import BudgetUnusable
from edge_router.layers.amount import Amount
from edge_router.layers.ledger import FILE, Ledger, Room
from edge_router.settings.budget_config import Allowance, BudgetConfig

NOON = 1_796_040_000.0  # 2026-11-30 12:00 UTC
HOUR, DAY = 3600.0, 86_400.0
LIMITS = BudgetConfig(
    usd_per_hour=1.0, usd_per_day=2.0, usd_per_month=3.0, tokens_per_day=1000,
    callers={"phone": Allowance(usd_per_day=0.5), "*": Allowance(tokens_per_answer=10)},
)  # fmt: skip


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


def ledger(folder: Path, clock: Clock | None = None) -> Ledger:
    return Ledger(folder / "data" / FILE, LIMITS, clock=clock or Clock())


def amount(usd: float, tokens: int = 0) -> Amount:
    return Amount(usd, tokens, tokens)


def spent(book: Ledger, caller: str | None = None) -> dict[str, float]:
    """What of each limit is spent or reserved."""
    return {
        f"{one.caller or 'all'} {one.period} {'tokens' if one.in_tokens else 'usd'}": one.spent
        for one in book.room(caller)
    }


def test_a_reservation_counts_in_full_until_it_is_settled(tmp_path: Path) -> None:
    """Then what was spent does; a second time is no time."""
    book = ledger(tmp_path)
    entry = book.reserve("phone", lambda _: amount(0.4, 300), expert="cloud")
    assert spent(book) == {
        "all hour usd": 0.4, "all day usd": 0.4, "all day tokens": 300, "all month usd": 0.4
    }  # fmt: skip
    assert spent(book, "phone")["phone day usd"] == 0.4
    assert "tablet answer tokens" in spent(book, "tablet")
    assert [(one.caller, one.usd) for one in book.pending()] == [("phone", 0.4)]
    book.settle(entry, 0.1, 200)
    assert spent(book, "phone")["phone day usd"] == pytest.approx(0.1)
    assert spent(book)["all day tokens"] == 200
    assert book.pending() == []


def test_what_a_plan_refuses_is_not_booked(tmp_path: Path) -> None:
    """It sees what is left, and may raise."""
    book = ledger(tmp_path)
    book.reserve(None, lambda _: amount(0.9), expert="cloud")

    def refuse(room: Room) -> Amount:
        assert min(one.left for one in room if not one.in_tokens) == pytest.approx(0.1)
        raise BudgetUnusable("no")

    with pytest.raises(BudgetUnusable, match="no"):
        book.reserve(None, refuse, expert="cloud")
    assert spent(book)["all hour usd"] == 0.9


def test_another_process_sees_it_at_once(tmp_path: Path) -> None:
    """Here another ledger of the same file; nothing has to be closed."""
    one, other = ledger(tmp_path), ledger(tmp_path)
    entry = one.reserve(None, lambda _: amount(0.25), expert="cloud")
    assert spent(other)["all hour usd"] == 0.25
    one.settle(entry, 0.5, 0)
    assert spent(other)["all hour usd"] == 0.5
    assert other.callers() == ["phone"]


def test_a_new_period_begins_anew(tmp_path: Path) -> None:
    """An hour later that of the hour, a day later that of the day; the month goes on."""
    clock = Clock()
    book = ledger(tmp_path, clock)
    book.reserve(None, lambda _: amount(0.5), expert="cloud")
    clock.now += HOUR
    assert spent(book)["all hour usd"] == 0.0
    assert spent(book)["all day usd"] == 0.5
    clock.now += 12 * HOUR  # the first of December
    assert set(spent(book).values()) == {0.0}
    assert all(one.ends is None or one.ends > clock.now for one in book.room(None))


def test_a_clock_that_goes_back_frees_nothing(tmp_path: Path) -> None:
    """What was spent later counts now too; one that jumped ahead and back has forgotten nothing."""
    clock = Clock()
    book = ledger(tmp_path, clock)
    book.reserve(None, lambda _: amount(0.5), expert="cloud")
    clock.now -= 400 * DAY
    assert spent(book)["all hour usd"] == 0.5
    clock.now = NOON + 1000 * DAY
    assert spent(book)["all month usd"] == 0.0
    book.reserve(None, lambda _: amount(0.25), expert="cloud")
    book.close()
    clock.now = NOON
    assert spent(book)["all hour usd"] == spent(ledger(tmp_path, clock))["all month usd"] == 0.75


def test_a_late_answer_counts_where_it_was_reserved(tmp_path: Path) -> None:
    """It ends in the next hour, and frees what it did not take in the last one."""
    clock = Clock()
    book = ledger(tmp_path, clock)
    entry = book.reserve(None, lambda _: amount(0.5), expert="cloud")
    clock.now += HOUR
    book.settle(entry, 0.125, 0)
    assert spent(book)["all hour usd"] == 0.0
    assert spent(book)["all day usd"] == 0.125


@pytest.mark.parametrize("damage", ["corrupt", "folder", "later version", "no table"])
def test_a_file_that_cannot_be_used_spends_nothing(tmp_path: Path, damage: str) -> None:
    """The error names the file and how to begin anew; resetting does."""
    path = tmp_path / "data" / FILE
    path.parent.mkdir()
    if damage == "corrupt":
        path.write_bytes(b"not a database, but long enough to be one " * 100)
    elif damage == "folder":
        path.mkdir()
    else:
        with sqlite3.connect(path) as connection:
            connection.execute(f"PRAGMA user_version = {9 if damage == 'later version' else 1}")
        connection.close()
    book = ledger(tmp_path)
    for verb in (lambda: book.room(None), lambda: book.reserve(None, fail, expert="cloud")):
        with pytest.raises(BudgetUnusable, match=r"budget\.sqlite3 cannot be .*budget reset"):
            verb()
    if damage != "folder":
        book.clear()
        assert set(spent(book).values()) == {0.0}
        book.reserve(None, lambda _: amount(0.5), expert="cloud")


def fail(_: Room) -> Amount:
    raise AssertionError("nothing may be planned on such a file")


def test_a_disk_that_cannot_be_written_books_nothing(tmp_path: Path) -> None:
    """What was booked at its most stays so until the file can be written again."""
    book = ledger(tmp_path)
    entry = book.reserve(None, lambda _: amount(0.5), expert="cloud")
    with book._file.use(1.0) as (connection, _):
        connection.execute("PRAGMA query_only = ON")  # as a disk that is read-only
    with pytest.raises(BudgetUnusable, match="cannot be written"):
        book.reserve(None, lambda _: amount(0.25), expert="cloud")
    assert spent(book)["all hour usd"] == 0.5
    book.settle(entry, 0.125, 0)
    assert spent(book)["all hour usd"] == 0.125


def test_a_file_in_use_is_waited_for_and_settled_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program holds it for longer than an answer waits."""
    monkeypatch.setattr("edge_router.layers.ledger.SETTLE_WAIT_S", 0.01)
    book = ledger(tmp_path)
    entry = book.reserve(None, lambda _: amount(0.5), expert="cloud")
    holder = sqlite3.connect(book.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(BudgetUnusable, match="is in use by another process"):
        book.reserve(None, lambda _: amount(0.25), expert="cloud", within_s=0.01)
    book.settle(entry, 0.125, 0)
    holder.execute("ROLLBACK")
    holder.close()
    assert spent(book)["all hour usd"] == 0.5
    book.reserve(None, lambda _: amount(0.25), expert="cloud")
    assert spent(book)["all hour usd"] == 0.375


def test_a_file_that_was_removed_meanwhile_gets_what_is_spent_later(tmp_path: Path) -> None:
    """The answer under way is added to the new one, once."""
    book = ledger(tmp_path)
    entry = book.reserve(None, lambda _: amount(0.5), expert="cloud")
    ledger(tmp_path).clear()
    assert spent(book)["all hour usd"] == 0.0
    book.settle(entry, 0.25, 0)
    assert spent(book)["all hour usd"] == 0.25


def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    """The names of callers are in it."""
    book = ledger(tmp_path)
    book.reserve("phone", lambda _: amount(0.5), expert="cloud")
    assert {path.stat().st_mode & 0o077 for path in book.path.parent.iterdir()} == {0}


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(0, 1000), st.integers(0, 1500), st.sampled_from(["done", "killed"])),
        max_size=15,
    )
)
def test_the_sum_is_that_of_the_answers(answers: list[tuple[int, int, str]]) -> None:
    """Whatever was reserved and spent: real costs of those that ended, the most of the others."""
    book = Ledger(Path(":memory:"), LIMITS, clock=Clock())
    book._file._connection = _in_memory()
    expected = 0.0
    for most, real, end in answers:
        entry = book.reserve(None, lambda _, most=most: amount(most / 8, most), expert="cloud")
        if end == "done":
            book.settle(entry, real / 8, real)
        expected += (real if end == "done" else most) / 8
    with book._file.use(1.0) as (connection, _):
        (usd,) = connection.execute("SELECT TOTAL(usd) FROM spent WHERE period = 'day'").fetchone()
    book._file._close()
    assert usd == expected


def _in_memory() -> sqlite3.Connection:
    from edge_router.layers import ledger_table

    connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    connection.execute(ledger_table.SPENT)
    connection.execute(ledger_table.PENDING)
    return connection


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_settles_nothing_of_its_parent(tmp_path: Path) -> None:
    """The answer belongs to the parent; the child's own go into the same file."""
    book = ledger(tmp_path)
    entry = book.reserve(None, lambda _: amount(0.5), expert="cloud")
    pid = os.fork()
    if pid == 0:
        book.settle(entry, 0.0, 0)
        book.reserve(None, lambda _: amount(0.25), expert="cloud")
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert spent(book)["all hour usd"] == 0.75
    book.settle(entry, 0.125, 0)
    assert spent(book)["all hour usd"] == 0.375


@pytest.mark.parametrize("column", ["usd", "tokens"])
@pytest.mark.parametrize("value", [-1e9, None, "a lot", b"\x00"])
def test_amounts_that_nobody_can_have_spent_free_nothing(
    tmp_path: Path, column: str, value: object
) -> None:
    """A file that was changed or broken by something else is not believed."""
    book = ledger(tmp_path)
    book.settle(book.reserve(None, lambda _: amount(0.9, 5), expert="cloud"), 0.9, 5)
    book.close()
    connection = sqlite3.connect(book.path)
    with connection:
        connection.execute(f"UPDATE spent SET {column} = ?", (value,))
    connection.close()
    with pytest.raises(BudgetUnusable, match="is no amount"):
        book.room(None)
    with pytest.raises(BudgetUnusable, match="is no amount"):
        book.reserve(None, lambda _: amount(0.5), expert="cloud")
