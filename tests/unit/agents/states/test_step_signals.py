"""Signals of tool loops."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_router.agents.states.step_signals import LoopLevel, StepSignals, ToolCall

CALLS = st.builds(
    ToolCall,
    st.sampled_from(["read_file", "writeFile", "search", "think"]),
    st.fixed_dictionaries({"path": st.sampled_from("ab")}),
    st.booleans(),
)


def test_errors_and_repeats_are_signs_of_a_loop_that_is_stuck() -> None:
    """Three failed calls, or one call three times; the order of arguments is no difference."""
    read = [ToolCall("read", {"a": 1, "b": 2}), ToolCall("read", {"b": 2, "a": 1})]
    assert not StepSignals.of(read).is_stuck
    assert StepSignals.of([*read, read[0]]).is_stuck
    assert StepSignals.of([ToolCall("run", {"n": n}, failed=True) for n in range(3)]).is_stuck


def test_reading_explores_and_writing_produces() -> None:
    """By the words of the tools' names."""
    assert StepSignals.of([ToolCall("readFile"), ToolCall("list_dir")]).phase == "exploring"
    assert StepSignals.of([ToolCall("fs.write_file"), ToolCall("think")]).phase == "producing"
    assert StepSignals.of([]).phase == ""


@given(st.integers(-2, 5), st.integers(1, 4), st.lists(CALLS, max_size=40))
def test_one_step_up_at_most_and_none_down(start: int, levels: int, calls: list[ToolCall]) -> None:
    """Whatever the calls are, and however long the loop goes on."""
    level = LoopLevel.begin(start, levels=levels)
    first, before = level.level, level.level
    for end in range(len(calls)):
        level = level.next(StepSignals.of(calls[: end + 1]))
        assert before <= level.level <= min(first + 1, levels - 1)
        before = level.level
