"""Labels: by table or by folder; what cannot be meant is refused with its line."""

from pathlib import Path

import pytest

from gerdata.clip import CLASSES
from gerdata.errors import LabelError, UsageError
from gerdata.ingest.labels import Labelled, from_folders, from_table
from gerdata.ingest.sources import find


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("clips/a.mp4", "clips/b/c.mp4", "clips/Positive/d.mp4", "clips/negative/x/e.mp4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return tmp_path / "clips"


def read(root: Path, text: str | bytes, allow_missing: bool = False, name: str = "labels.csv"):
    table = root.parent / name
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    return from_table(table, find([root], [table]), [root], CLASSES, allow_missing)


def test_files_are_found_beside_the_table_and_below_the_sources(root: Path) -> None:
    told, missing, elsewhere = read(root, "file,label,group,split,mood\nclips/a.mp4,Positive,g1,val,7\nb/c.mp4,,g1,,\n")
    assert told == {
        root / "a.mp4": Labelled("positive", "g1", "validation"),
        root / "b/c.mp4": Labelled(None, "g1", None),
    }
    assert (missing, elsewhere) == ([], 0)


def test_rows_of_files_elsewhere_are_counted(root: Path) -> None:
    (root.parent / "other.mp4").write_text("x")
    told, missing, elsewhere = read(root, "file,label\nother.mp4,neutral\na.mp4,neutral\n")
    assert (list(told), missing, elsewhere) == ([root / "a.mp4"], [], 1)


def test_a_table_of_tabs_and_a_byte_order_mark_are_read(root: Path) -> None:
    told, _, _ = read(root, b"\xef\xbb\xbffile\tlabel\r\na.mp4\tnegative\r\n", name="labels.tsv")
    assert told[root / "a.mp4"].label == "negative"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,label\na.mp4,happy\n", "line 2: label 'happy' is unknown; the classes are positive, neutral, negative"),
        ("file,label\na.mp4,neutral\nclips/a.mp4,neutral\n", "line 3: repeats 'clips/a.mp4' of line 2"),
        ("file,label\nzz.mp4,neutral\nyy.mp4,neutral\n", r"line 2: names 'zz.mp4'.*\(2 such rows\).*--allow-missing"),
        ("name,label\na.mp4,neutral\n", "expected columns file,label"),
        ("file,label\na.mp4\n", "line 2: expected 2 cells"),
        ("file,label\n,neutral\n", "line 2: expected 2 cells and a file"),
        ("file,label,split\na.mp4,neutral,dev2\n", "line 2: split 'dev2' is unknown"),
        (
            "file,label,group,split\na.mp4,neutral,g,train\nb/c.mp4,neutral,g,test\n",
            "line 3: group 'g' is in two splits",
        ),
        ("file,label\n", "found none"),
        (b"file,label\nb/\xff.mp4,neutral\n", "line 2: not UTF-8"),
        (b"file,label\na.mp4,neu\0tral\n", "line 2: holds a NUL"),
        ('file,label\n"a.mp4,neutral\n', "expected 2 cells|unexpected end"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(root: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(LabelError, match=words) as refusal:
        read(root, text)
    assert "\n" not in str(refusal.value)
    assert refusal.value.exit_code == 2


def test_missing_files_may_be_allowed(root: Path) -> None:
    _, missing, _ = read(root, "file,label\nzz.mp4,neutral\na.mp4,neutral\n", allow_missing=True)
    assert [path.name for path in missing] == ["zz.mp4"]


def test_folders_name_classes(root: Path) -> None:
    told = from_folders(find([root], []), CLASSES)
    labels = {path.name: labelled.label for path, labelled in told.items()}
    assert labels == {"a.mp4": None, "c.mp4": None, "d.mp4": "positive", "e.mp4": "negative"}
    one = from_folders(find([root / "negative"], []), CLASSES)
    assert [labelled.label for labelled in one.values()] == ["negative"]


def test_every_file_is_listed_once_and_links_are_not_followed(root: Path) -> None:
    (root / "loop").symlink_to(root)
    (root / "odd.txt").write_text("x")
    names = [source.name for source in find([root, root / "b"], [])]
    assert names == ["Positive/d.mp4", "a.mp4", "b/c.mp4", "loop", "negative/x/e.mp4", "odd.txt"]
    with pytest.raises(UsageError, match="found nothing there"):
        find([root / "absent"], [])
    (root / "void").mkdir()
    with pytest.raises(UsageError, match="it holds no files"):
        find([root / "void"], [])
