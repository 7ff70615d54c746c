"""Signals of tool loops."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_router.agents.states.step_signals import LoopLevel, Step, StepSignals, steps_of
from edge_router.chat.message import Message, ToolCall

CALLS = st.builds(
    Step,
    st.sampled_from(["read_file", "writeFile", "search", "think"]),
    st.fixed_dictionaries({"path": st.sampled_from("ab")}),
    st.booleans(),
)


def test_errors_and_repeats_are_signs_of_a_loop_that_is_stuck() -> None:
    """Three failed calls, or one call three times; the order of arguments is no difference."""
    read = [Step("read", {"a": 1, "b": 2}), Step("read", {"b": 2, "a": 1})]
    assert not StepSignals.of(read).is_stuck
    assert StepSignals.of([*read, read[0]]).is_stuck
    assert StepSignals.of([Step("run", {"n": n}, failed=True) for n in range(3)]).is_stuck


def test_reading_explores_and_writing_produces() -> None:
    """By the words of the tools' names."""
    assert StepSignals.of([Step("readFile"), Step("list_dir")]).phase == "exploring"
    assert StepSignals.of([Step("fs.write_file"), Step("think")]).phase == "producing"
    assert StepSignals.of([]).phase == ""


@given(st.integers(-2, 5), st.integers(1, 4), st.lists(CALLS, max_size=40))
def test_one_step_up_at_most_and_none_down(start: int, levels: int, calls: list[Step]) -> None:
    """Whatever the calls are, and however long the loop goes on."""
    level = LoopLevel.begin(start, levels=levels)
    first, before = level.level, level.level
    for end in range(len(calls)):
        level = level.next(StepSignals.of(calls[: end + 1]))
        assert before <= level.level <= min(first + 1, levels - 1)
        before = level.level


def test_the_last_turn_of_a_conversation_has_its_calls() -> None:
    """Earlier turns are over; a call without a result counts when it has one."""
    old, *calls = [ToolCall(f"c{n}", "read", '{"n": 1}') for n in range(6)]
    said = ["ok", "Error: no file", '{"error": "gone"}', '{"isError": true}', '{"error": null}']
    messages = [
        Message("user", "first"),
        Message("assistant", None, tool_calls=(old,)),
        Message("tool", "error", tool_call_id="c0"),
        Message("user", "second"),
        Message("assistant", None, tool_calls=(*calls, ToolCall("c9", "write"))),
        *(Message("tool", text, tool_call_id=f"c{n}") for n, text in enumerate(said, 1)),
    ]
    steps = steps_of(messages)
    assert [step.failed for step in steps] == [False, True, True, True, False]
    assert {step.key for step in steps} == {'read {"n": 1}'}
    assert StepSignals.of(steps).words == "5 calls, 3 failed, one 5 times, exploring, stuck"
    assert steps_of([Message("user", "hello")]) == ()
