"""Labels: by table or by folder; what cannot be meant is refused with its line."""

import os
import time
from pathlib import Path

import pytest
from lying import Lying, lying

from gerdata.errors import LabelError, UsageError
from gerdata.ingest.labels import Labelled, Told, read_labels
from gerdata.ingest.sources import find
from gerdata.recipe import IngestRecipe
from gerdata.recipe.dialect import LabelFolder, LabelTable, with_columns


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("clips/a.mp4", "clips/b/c.mp4", "clips/Positive/d.mp4", "clips/negative/x/e.mp4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return tmp_path / "clips"


def read(root: Path, text: str | bytes, allow_missing: bool = False, name: str = "labels.csv", **more) -> Told:
    table = root.parent / name
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    recipe = more.pop("recipe", IngestRecipe())
    return read_labels(lying(root), [str(root)], table, recipe, allow_missing, **more)


def by_name(root: Path, told: Told) -> dict[str, Labelled]:
    """What is told of the sources of which something is told."""
    found = zip(lying(root), told.by_source, strict=True)
    return {source.name: labelled for source, labelled in found if labelled != Labelled()}


def test_files_are_found_beside_the_table_and_below_the_sources(root: Path) -> None:
    told = read(root, "file,label,group,split,mood\nclips/a.mp4,Positive,g1,val,7\nb/c.mp4,,g1,,\n")
    assert by_name(root, told) == {
        "a.mp4": Labelled("positive", "Positive", "g1", "validation"),
        "b/c.mp4": Labelled(group="g1"),
    }
    assert (told.missing, told.elsewhere, told.leaks) == ((), 0, ())


def test_rows_of_files_elsewhere_are_counted(root: Path) -> None:
    (root.parent / "other.mp4").write_text("x")
    told = read(root, "file,label\nother.mp4,neutral\na.mp4,neutral\n")
    assert (list(by_name(root, told)), told.missing, told.elsewhere) == (["a.mp4"], (), 1)


def test_a_table_of_tabs_and_a_byte_order_mark_are_read(root: Path) -> None:
    told = read(root, b"\xef\xbb\xbffile\tlabel\r\na.mp4\tnegative\r\n", name="labels.tsv")
    assert by_name(root, told)["a.mp4"].label == "negative"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,label\na.mp4,happy\n", "line 2: label 'happy' is unknown; the classes are positive, neutral, negative"),
        ("file,label\na.mp4,=cmd|' /C calc'!A0\n", r"line 2: label \"=cmd\|' /C calc'!A0\" is unknown"),
        ("file,label\na.mp4,\x1b[2J\n", r"line 2: label '\\x1b\[2J' is unknown"),
        (f"file,label\na.mp4,{'z' * 999}\n", r"line 2: label 'z{80}'\.\.\. is unknown"),
        ("file,label\na.mp4,neutral\nclips/a.mp4,neutral\n", r"line 3: repeats 'clips/a.mp4' of .*line 2"),
        ("file,label\nzz.mp4,neutral\nzz.mp4,neutral\n", r"line 3: repeats 'zz.mp4' of .*line 2"),
        ("file,label\nzz.mp4,neutral\nyy.mp4,neutral\n", r"line 2: names 'zz.mp4'.*\(2 such rows\).*--allow-missing"),
        ("name,label\na.mp4,neutral\n", r"line 1: expected columns file,label\[,group\].*came 'name,label'"),
        ("file,label\na.mp4\n", "line 2: expected 2 cells"),
        ("file,label\n,neutral\n", "line 2: the column 'file' names no file"),
        ("file,label,split\na.mp4,neutral,dev2\n", "line 2: split 'dev2' is unknown"),
        ("file,label,fold\na.mp4,neutral,two\n", "line 2: fold 'two' is no number"),
        (
            "file,label,group,split\na.mp4,neutral,g,train\nb/c.mp4,neutral,g,test\n",
            "line 3: group 'g' is in two splits",
        ),
        ("file,label\n", "found none"),
        ("", "found none"),
        (b"file,label\nb/\xff.mp4,neutral\n", "line 2: not UTF-8"),
        ("file,label\ncaf\xe9.mp4,neutral\n".encode("latin-1"), "line 2: not UTF-8"),
        (b"file,label\na.mp4,neu\0tral\n", "line 2: holds a NUL"),
        ('file,label\n"a.mp4,neutral\n', "expected 2 cells|unexpected end"),
        ("file,label\n/etc/passwd,neutral\n", "line 2: names '/etc/passwd', a path outside the sources"),
        ("file,label\n../../../etc/passwd,neutral\n", "line 2: names '../../../etc/passwd', a path outside"),
        ("file,label\n.,neutral\n", "line 2: names '.', a path outside"),
        ("file,label\nhttp://h/a.mp4,neutral\n", "line 2: names 'http://h/a.mp4', a URL outside"),
        ("file,label\npipe:0,neutral\n", "line 2: names 'pipe:0', a URL outside"),
        ("file,label\nsimplecache::s3://b/a.mp4,neutral\n", "line 2: names 'simplecache.*a URL outside"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(root: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(LabelError, match=words) as refusal:
        read(root, text)
    assert "\n" not in str(refusal.value)
    assert refusal.value.exit_code == 2


def test_a_path_out_of_the_tables_folder_may_lead_into_a_source(root: Path) -> None:
    (root.parent / "tables").mkdir()
    told = read(root, f"file,label\n../clips/a.mp4,neutral\n{root}/b/c.mp4,negative\n", name="tables/labels.csv")
    assert {name: labelled.label for name, labelled in by_name(root, told).items()} == {
        "a.mp4": "neutral",
        "b/c.mp4": "negative",
    }


def test_missing_files_may_be_allowed(root: Path) -> None:
    told = read(root, "file,label\nx/zz.mp4,neutral\na.mp4,neutral\n", allow_missing=True)
    assert told.missing == ("x/zz.mp4",)
    assert told.missing_told == (Labelled("neutral", "neutral"),)


def test_a_name_without_suffix_stands_for_the_one_file_that_has_it(root: Path) -> None:
    assert by_name(root, read(root, "file,label\nb/c,neutral\n"))["b/c.mp4"].label == "neutral"
    (root / "b/c.wav").write_text("x")
    with pytest.raises(LabelError, match=r"line 2: 'b/c' may be 'b/c.mp4' or 'b/c.wav'"):
        read(root, "file,label\nb/c,neutral\n")


def test_folders_name_classes_in_any_case(root: Path) -> None:
    told = read_labels(lying(root), [str(root)], None, IngestRecipe(), False)
    assert {name: labelled.label for name, labelled in by_name(root, told).items()} == {
        "Positive/d.mp4": "positive",
        "negative/x/e.mp4": "negative",
    }
    assert by_name(root, told)["Positive/d.mp4"].label_original == "Positive"
    one = root / "negative"
    assert [
        labelled.label for labelled in read_labels(lying(one), [str(one)], None, IngestRecipe(), False).by_source
    ] == ["negative"]


def test_a_table_of_the_users_goes_before_folders_and_sidecars(root: Path) -> None:
    told = read(root, "file,label\nPositive/d.mp4,neutral\n")
    assert {name: labelled.label for name, labelled in by_name(root, told).items()} == {"Positive/d.mp4": "neutral"}
    table = root.parent / "labels.csv"
    source = Lying(0, "a.mp4", root, {"label": "negative", "group": "g", "weather": "fine"})
    (labelled,) = read_labels([source], [str(root)], None, IngestRecipe(), False).by_source
    assert labelled == Labelled("negative", "negative", "g")
    table.write_text("file,label\na.mp4,neutral\n")
    (labelled,) = read_labels([source], [str(root)], table, IngestRecipe(), False).by_source
    assert labelled == Labelled("neutral", "neutral", "g")
    with pytest.raises(LabelError, match=r"a\.mp4: label 'mad' is unknown"):
        read_labels([Lying(0, "a.mp4", root, {"label": "mad"})], [str(root)], None, IngestRecipe(), False)


def test_columns_can_be_named(root: Path) -> None:
    text = "Vid_name Label\na.mp4 neutral\n"
    told = read(root, text, name="labels.txt", columns=("file=Vid_name", "label=Label"))
    assert by_name(root, told)["a.mp4"].label == "neutral"
    with pytest.raises(LabelError, match="expected columns Vid_name,label,film"):
        read(root, "Vid_name,label\na.mp4,neutral\n", columns=("file=Vid_name", "group=film"))
    for wrong in (("colour=x",), ("file=",), ("file",), ("file=a", "file=b"), ("raters=a,b", "label=c")):
        with pytest.raises(LabelError, match="--column"):
            with_columns(LabelTable(path="x"), wrong)
    with pytest.raises(LabelError, match="--labels"):
        read_labels(lying(root), [str(root)], None, IngestRecipe(), False, ("file=x",))


def test_raters_make_a_soft_label(root: Path) -> None:
    text = (
        "file,r1,r2,r3\na.mp4,positive,Positive,negative\nb/c.mp4,positive,neutral,\nPositive/d.mp4,,,\n"
        "negative/x/e.mp4,SNP,snp,\n"
    )
    told = by_name(root, read(root, text, recipe=IngestRecipe(dropped=("SNP",)), columns=("raters=r1,r2,r3",)))
    soft = told["a.mp4"]
    assert (soft.label, soft.label_rule) == ("positive", "raters")
    assert soft.label_soft == pytest.approx((2 / 3, 0, 1 / 3))
    assert soft.label_margin == pytest.approx(1 / 3)
    assert told["b/c.mp4"] == Labelled(label_soft=(0.5, 0.5, 0.0), label_margin=0.0, label_rule="raters")
    assert "Positive/d.mp4" not in told
    assert told["negative/x/e.mp4"] == Labelled(is_dropped=True)


def test_tables_that_say_different_things_of_one_file_are_refused_with_both_lines(root: Path) -> None:
    (root / "one.csv").write_text("file,label\na.mp4,neutral\n")
    (root / "two.csv").write_text("file,label\na.mp4,neutral\nb/c.mp4,neutral\n")
    tables = (LabelTable(path="one.csv", label="label"), LabelTable(path="two.csv", label="label", split="test"))
    recipe = IngestRecipe(tables=tables, folders=())
    told = read_labels(lying(root), [str(root)], None, recipe, False)
    assert by_name(root, told)["a.mp4"] == Labelled("neutral", "neutral", split="test")
    assert [Path(table).name for table in told.tables] == ["one.csv", "two.csv"]
    (root / "two.csv").write_text("file,label\nb/c.mp4,neutral\na.mp4,negative\n")
    with pytest.raises(LabelError, match=r"two\.csv line 3: gives 'a\.mp4' the label .*negative.*one\.csv line 2"):
        read_labels(lying(root), [str(root)], None, recipe, False)


def test_a_table_that_a_recipe_needs_is_asked_for(root: Path) -> None:
    recipe = IngestRecipe(
        tables=(LabelTable(path="Train_labels.txt", label="Label"),), folders=(LabelFolder(path="Test"),)
    )
    with pytest.raises(
        LabelError, match=r"expected the table Train_labels\.txt below .*layout is: Train_labels\.txt, Test/"
    ):
        read_labels(lying(root), [str(root)], None, recipe, False)
    with pytest.raises(LabelError, match="--labels FILE"):
        read_labels(lying(root), [str(root)], None, IngestRecipe(folders=()), False)


def test_a_recipes_table_may_not_name_what_is_outside(root: Path) -> None:
    recipe = IngestRecipe(tables=(LabelTable(path="t.csv", label="label"),), folders=())
    for name in ("/etc/passwd", "../other.mp4", "http://h/a.mp4"):
        (root / "t.csv").write_text(f"file,label\n{name},neutral\n")
        with pytest.raises(LabelError, match=r"t\.csv line 2: names .* outside the sources"):
            read_labels(lying(root), [str(root)], None, recipe, True)


def test_two_roots_and_a_single_file_are_matched(root: Path) -> None:
    sources = [Lying(0, "c.mp4", root / "b"), Lying(1, "a.mp4", root)]
    table = root.parent / "labels.csv"
    table.write_text("file,label\nc.mp4,neutral\nclips/a.mp4,negative\n")
    told = read_labels(sources, [str(root / "b"), str(root / "a.mp4")], table, IngestRecipe(), False)
    assert [labelled.label for labelled in told.by_source] == ["neutral", "negative"]


def test_sources_and_tables_in_an_object_store_are_matched(root: Path) -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    store.pipe("/bucket/t/labels.csv", b"file,label\nx/a.mp4,neutral\nmemory://bucket/x/b.mp4,negative\n")
    names = [Lying(0, "x/a.mp4"), Lying(0, "x/b.mp4"), Lying(0, "t/labels.csv")]
    recipe = IngestRecipe(tables=(LabelTable(path="t/*.csv", label="label"),), folders=())
    told = read_labels(names, ["memory://bucket"], None, recipe, False)
    assert [labelled.label for labelled in told.by_source] == ["neutral", "negative", None]
    store.pipe("/bucket/t/labels.csv", b"file,label\nmemory://bucket/../other/b.mp4,negative\n")
    with pytest.raises(LabelError, match="outside the sources"):
        read_labels(names, ["memory://bucket"], None, recipe, True)


def test_members_of_tars_are_matched(root: Path) -> None:
    (root / "s-0.tar").write_text("x")
    sources = [Lying(0, "s-0.tar/7.mp4", root)]
    table = root.parent / "labels.csv"
    table.write_text("file,label\ns-0.tar/7.mp4,neutral\n")
    for offered in (root, root / "s-0.tar"):
        (labelled,) = read_labels(sources, [str(offered)], table, IngestRecipe(), False).by_source
        assert labelled.label == "neutral"


def test_every_file_is_listed_once_and_links_are_not_followed(root: Path) -> None:
    (root / "loop").symlink_to(root)
    (root / "odd.txt").write_text("x")
    names = [source.name for source in find([str(root), str(root / "b")], [])]
    assert names == ["Positive/d.mp4", "a.mp4", "b/c.mp4", "loop", "negative/x/e.mp4", "odd.txt"]
    with pytest.raises(UsageError, match="found nothing there"):
        find([str(root / "absent")], [])
    (root / "void").mkdir()
    with pytest.raises(UsageError, match="it holds no files"):
        find([str(root / "void")], [])


def test_names_are_relative_to_what_was_offered(root: Path) -> None:
    (root.parent / "up").symlink_to(root.parent)
    table = root.parent / "far" / "labels.csv"
    table.parent.mkdir()
    for offered, name in (
        (root, "b/c.mp4"),
        (root.parent / "up" / "clips", "b/c.mp4"),
        (root / "*/c.mp4", "b/c.mp4"),
        (root / "b/c.mp4", "c.mp4"),
    ):
        table.write_text(f"file,label\n{name},neutral\n")
        told = read_labels(find([str(offered)], []), [str(offered)], table, IngestRecipe(), False)
        assert [one.label for one in told.by_source if one.label_original] == ["neutral"]


def test_a_hundred_thousand_rows_take_seconds(root: Path) -> None:
    n = 100_000
    names = [f"{number // 1000}/{number}.mp4" for number in range(n)]
    sources = [Lying(0, name, root) for name in names]
    table = root.parent / "big.csv"
    table.write_text("file,label,group\n" + "".join(f"{name},neutral,{i // 7}\n" for i, name in enumerate(names)))
    start = time.process_time()
    told = read_labels(sources, [os.fspath(root)], table, IngestRecipe(), False)
    assert time.process_time() - start < 30
    assert told.counts == {"": {"neutral": n}}
