"""TaskSet: enrolment that grows and goes on, and files that somebody damaged."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge_router.chat.completion import Prompt
from edge_router.errors import ConfigError, LearningError
from edge_router.routing.arrays import Float32s
from edge_router.routing.artifact.manifest import RouterArtifact
from edge_router.tasks import task_set
from edge_router.tasks.enrolled import HeadClassifier
from edge_router.tasks.labelled import LabelledQuestion, read_labelled
from edge_router.tasks.leaderboard import Leaderboard
from edge_router.tasks.mapping import TaskExpertMapping
from edge_router.tasks.task_set import TaskSet, task_set_names
from made_tasks import WORDS, embed, questions, write_rows


def labelled(tmp_path: Path, count: int, *tasks: str) -> list[LabelledQuestion]:
    return read_labelled(write_rows(tmp_path / "q.jsonl", questions(count, tasks or tuple(WORDS))))


@pytest.fixture
def kept(tmp_path: Path, artifact: RouterArtifact) -> TaskSet:
    made = TaskSet(tmp_path, "exam", artifact)
    made.enrol(labelled(tmp_path, 6), embed)
    return made


def test_enrolled_questions_become_a_list_a_head_and_an_index(
    kept: TaskSet, tmp_path: Path, artifact: RouterArtifact
) -> None:
    """Another process finds them by name."""
    other = TaskSet(tmp_path, "exam", artifact)
    assert other.tasks().names == tuple(WORDS)
    assert len(other.index) == 18
    assert other.head().questions == 18
    assert task_set_names(tmp_path) == ["exam"]


def test_a_new_task_needs_no_restart(
    kept: TaskSet, tmp_path: Path, artifact: RouterArtifact
) -> None:
    """A classifier that runs sees what another process enrols; nothing is embedded twice."""
    running = TaskSet(tmp_path, "two", artifact)
    running.enrol(labelled(tmp_path, 6, "maths", "law"), embed)
    classifier = HeadClassifier(running.head, embed)
    assert "history" not in classifier.tasks
    asked: list[Prompt] = []

    def counting(prompt: Prompt) -> Float32s:
        asked.append(prompt)
        return embed(prompt)

    TaskSet(tmp_path, "two", artifact).enrol(labelled(tmp_path, 6), counting)
    assert len(asked) == 6
    assert classifier.classify("Who was the king?").task == "history"


def test_a_killed_enrolment_goes_on(
    tmp_path: Path, artifact: RouterArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts that were finished are kept and not embedded again."""
    monkeypatch.setattr(task_set, "PART", 4)
    made, left = TaskSet(tmp_path, "exam", artifact), [9]

    def dying(prompt: Prompt) -> Float32s:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return embed(prompt)

    with pytest.raises(KeyboardInterrupt):
        made.enrol(labelled(tmp_path, 6), dying)
    assert (len(made.index), made.exists) == (8, False)
    done: list[tuple[int, int]] = []
    made.enrol(labelled(tmp_path, 6), embed, progress=lambda n, all_: done.append((n, all_)))
    assert (len(made.index), done[-1]) == (18, (10, 10))


@pytest.mark.parametrize("file", ["tasks.json", "mapping.json"])
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 9}', "\x00\xff", '{"schema": 1}'])
def test_a_damaged_file_is_a_learning_error(
    kept: TaskSet, artifact: RouterArtifact, file: str, content: str
) -> None:
    """That names the file."""
    (kept.folder / file).write_text(content, encoding="latin-1")
    use = {"tasks.json": kept.tasks, "mapping.json": kept.mapping}[file]
    with pytest.raises(LearningError, match=file):
        use()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 9}', "\x00\xff", '{"schema": 1}'])
def test_a_damaged_head_is_fitted_anew(
    kept: TaskSet, tmp_path: Path, artifact: RouterArtifact, content: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """Once, to the questions that were enrolled, and said; the next process reads it again."""
    before = kept.head()
    (kept.folder / "head.json").write_text(content, encoding="latin-1")
    again = kept.head()
    assert again is kept.head() is not before
    assert again.to_json() == before.to_json()
    other = TaskSet(tmp_path, kept.name, artifact)
    assert other.head().to_json() == before.to_json()
    assert [one.getMessage()[:8] for one in caplog.records] == ["the head"]


def test_a_head_without_its_questions_is_not_fitted_anew(kept: TaskSet) -> None:
    """There is nothing to fit it to: the error says which file."""
    (kept.folder / "head.json").write_text("")
    for file in (kept.folder / "questions").iterdir():
        file.unlink()
    with pytest.raises(LearningError, match=r"head\.json"):
        kept.head()


def test_questions_that_a_killed_enrolment_left_are_fitted_to(
    kept: TaskSet, tmp_path: Path, artifact: RouterArtifact
) -> None:
    """The next process that reads the head knows them."""
    known = kept.head().questions
    vector = embed("Who was the king?")[None]
    kept.index.add(vector, [{"task": "history", "query": "Who was the king?"}])
    assert TaskSet(tmp_path, kept.name, artifact).head().questions == known + 1


def test_another_router_is_told_how_to_enrol_again(
    kept: TaskSet, tmp_path: Path, artifact: RouterArtifact
) -> None:
    """Both the head and the index name folder and command; after both, everything works."""
    new = TaskSet(tmp_path, kept.name, replace(artifact, hash="0" * 64))
    enrolled = labelled(tmp_path, 6)
    for use in (new.head, lambda: new.enrol(enrolled, embed)):
        with pytest.raises(LearningError, match=r"remove .*tasks enroll FILE") as error:
            use()
        assert str(new.index.folder) in str(error.value)
    shutil.rmtree(new.index.folder)
    new.enrol(enrolled, embed)
    assert new.head().questions == len(new.index) == 18


def test_what_was_not_made_yet_says_how(tmp_path: Path, artifact: RouterArtifact) -> None:
    """Each with its command."""
    empty = TaskSet(tmp_path, "none", artifact)
    for use, words in (
        (empty.tasks, "tasks enroll FILE"),
        (empty.head, "tasks enroll FILE"),
        (empty.mapping, "tasks map --outcomes FILE"),
    ):
        with pytest.raises(LearningError, match=words):
            use()


@pytest.mark.parametrize("name", ["", "a/b", "..", "x" * 65])
def test_a_name_that_no_folder_can_have_is_refused(
    tmp_path: Path, artifact: RouterArtifact, name: str
) -> None:
    """Before anything is written."""
    with pytest.raises(ConfigError, match="task set"):
        TaskSet(tmp_path, name, artifact)


def test_a_mapping_is_kept_and_brings_its_tasks(tmp_path: Path, artifact: RouterArtifact) -> None:
    """Where there is no list yet; a list that is there stays."""
    rows = [
        {"query": f"{n}?", "task": t, "score": {"a": n % 2, "b": 1}}
        for n in range(6)
        for t in ("p", "q")
    ]
    board = Leaderboard.read(write_rows(tmp_path / "t.jsonl", rows))
    made = TaskSet(tmp_path, "exam", artifact)
    path = made.keep_mapping(TaskExpertMapping.of(board))
    assert made.mapping().of_task("p").expert == "b"
    assert set(made.tasks()) == {"p", "q"}
    path.write_text(path.read_text().replace('"expert": "b"', '"expert": "a"'))
    assert made.mapping().of_task("p").expert == "a"
