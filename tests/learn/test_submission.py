"""The challenge file: every clip once, in the challenge's numbers, and no name that was not asked for."""

from pathlib import Path

import pytest

from gerdata.errors import DatasetError, UsageError
from gerdata.learn.evaluate import load
from gerdata.learn.submission import calls_of, submission_of
from gerdata.learn.train import train
from gerdata.manifest import read_rows
from gerdata.recipe import TrainRecipe


def test_every_clip_of_a_split_is_called_labelled_or_not(release: Path, recipe: TrainRecipe, tmp_path: Path) -> None:
    train(recipe, release, tmp_path, 0, threads=1)
    trained = load(tmp_path)
    rows = read_rows(release / "manifest" / "test.parquet")
    calls = calls_of(trained, release, "test")
    assert list(calls) == [row.clip.id for row in rows]
    assert any(row.clip.label is None for row in rows)
    told = trained.run.test
    assert told is not None
    right = sum(calls[row.clip.id] == row.clip.label for row in rows if row.clip.label)
    assert right == round(told.accuracy * told.clips)
    lines = submission_of(calls).splitlines()
    assert lines[0] == "Vid_name Label"
    assert len(lines) == len(rows) + 1
    with pytest.raises(DatasetError, match="expected a manifest here"):
        calls_of(trained, release, "unknown")


def test_labels_are_numbered_as_in_the_challenge_and_names_are_sorted() -> None:
    calls = {"b": "positive", "a": "neutral", "c": "negative"}
    assert submission_of(calls) == "Vid_name Label\na 2\nb 1\nc 3\n"
    names = {"a": "289_55", "b": "10_2", "c": "7_1"}
    assert submission_of(calls, names) == "Vid_name Label\n10_2 1\n289_55 2\n7_1 3\n"


@pytest.mark.parametrize(
    ("calls", "names", "why"),
    [
        ({"a": "happy"}, None, "the challenge knows"),
        ({"a": "positive"}, {}, "no name of one word"),
        ({"a": "positive"}, {"a": "my clip"}, "no name of one word"),
        ({"a": "positive", "b": "neutral"}, {"a": "x", "b": "x"}, "same name"),
    ],
)
def test_what_is_no_submission_is_refused(calls: dict[str, str], names: dict[str, str] | None, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        submission_of(calls, names)
