"""Tables: every form gives the same rows; hostile ones are refused with the line."""

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gerdata.errors import LabelError
from gerdata.ingest import tables
from gerdata.ingest.tables import find_tables, rows_of
from gerdata.recipe.dialect import SEPARATORS, LabelTable

TABLE = LabelTable(path="t", label="label", group="group", optional=("group",))
ROWS = [{"file": "1", "label": "2", "group": "g"}, {"file": "3", "label": "", "group": ""}]


def rows(path: Path, data: str | bytes, table: LabelTable = TABLE) -> list[dict[str, str]]:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return [row for _, row in rows_of(str(path), table)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "file,label,group\r\n1,2,g\r\n3,,\r\n"),
        ("t.csv", "group;label;file\ng;2;1\n;;3\n"),
        ("t.csv", "\n \nFile , Label,GROUP\n 1, 2 ,g\n,,\n3,,\n"),
        ("t.tsv", "file\tlabel\tgroup\n1\t2\tg\n3\t\t\n"),
        ("t.txt", "file\tlabel\tgroup\n1\t2\tg\n3\t\t\n"),
        ("t.txt", 'file  label group \n 1 2   g\n3 "" ""\n'),
        ("t.txt", "file,label,group,more\n1,2,g,x\n3,,,y\n"),
        ("t.jsonl", '{"file": 1, "label": "2", "group": "g"}\r\n\n{"file": "3", "label": null, "group": ""}\n'),
        (
            "t.jsonl",
            '\ufeff{"file": 1.0, "label": 2, "group": "g", "x": [{}]}\n{"file": 3, "label": "", "group": null}',
        ),
    ],
)
def test_all_text_forms_give_the_same_rows(tmp_path: Path, name: str, text: str) -> None:
    assert rows(tmp_path / name, text) == ROWS


def test_parquet_gives_the_same_rows_whatever_its_types(tmp_path: Path) -> None:
    labels = [pa.array([2, None]), pa.array([2.0, float("nan")]), pa.array(["2", ""]).dictionary_encode()]
    for label in labels:
        columns = {"group": ["g", None], "label": label, "file": pa.array([1, 3], pa.int64()), "x": [[1], [2]]}
        pq.write_table(pa.table(columns), tmp_path / "t.parquet")
        assert [row for _, row in rows_of(str(tmp_path / "t.parquet"), TABLE)] == ROWS


def test_a_list_of_ids_has_no_header(tmp_path: Path) -> None:
    table = LabelTable(path="t", file="1", has_header=False)
    assert rows(tmp_path / "ids.txt", "b\n\na\n", table) == [{"1": "b"}, {"1": "a"}]
    assert rows(tmp_path / "ids.txt", "b\na c\n", table) == [{"1": "b"}, {"1": "a c"}]
    with pytest.raises(LabelError, match="line 2: expected 1 cells, came 2"):
        rows(tmp_path / "ids.txt", "b\na c\n", table.model_copy(update={"separator": "space"}))


def test_thousands_of_columns_are_read(tmp_path: Path) -> None:
    names = ",".join(f"c{number}" for number in range(5000))
    assert rows(tmp_path / "t.csv", f"file,label,{names}\n1,2,{',' * 4999}\n") == [{"file": "1", "label": "2"}]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.csv", "file,label,label\n1,2,3\n", "line 1: the column 'label' is there twice"),
        ("t.csv", "file,label\n1,2\n1,2,3\n", "line 3: expected 2 cells, came 3"),
        ("t.csv", "file,label\n1," + "x" * 200_000 + "\n", "line 2: field larger than field limit"),
        ("t.csv", "file,label\r1,2\r", "line 1: new-line character"),
        ("t.jsonl", "[1]\n", "line 1: expected a JSON object, came list"),
        (
            "t.jsonl",
            '{"file": "a", "label": 1}\n{"file": "a", "label": {"x": 1}}',
            "line 2: the column 'label' holds a dict",
        ),
        ("t.jsonl", '{"file": NaN, "label": 1}\n', "line 1: not JSON .NaN is no JSON number"),
        ("t.jsonl", '{"file": "", "label": 1}\n', "line 1: the column 'file' names no file"),
        ("t.jsonl", '{"file": "a"}\n', "line 1: expected columns file,label"),
        ("t.jsonl", '{"file": "a\\u0000", "label": 1}\n', "line 1: the column 'file' holds .* not usable text"),
        ("t.jsonl", '{"file": "\\ud800", "label": 1}\n', "line 1: the column 'file' holds .* not usable text"),
        ("t.jsonl", '{"file": ' + "[" * 100_000 + "\n", "line 1: (nested too deeply|not JSON)"),
        ("t.jsonl", '{"file": ' + "1" * 5000 + "}\n", "line 1: not JSON"),
        ("t.jsonl", "\n\n", "found none"),
        ("t.jsonl", b"\xff\xfe{\0", "line 1: not UTF-8"),
        ("t.jsonl", b'{"file":\0', "line 1: holds a NUL"),
        ("t.parquet", "PAR1 and no more", "not a readable Parquet"),
        ("t.parquet", "", "not a readable Parquet"),
    ],
)
def test_hostile_tables_are_refused(tmp_path: Path, name: str, text: str | bytes, words: str) -> None:
    with pytest.raises(LabelError, match=words) as refusal:
        rows(tmp_path / name, text)
    assert len(str(refusal.value)) < 600
    assert "\n" not in str(refusal.value)


def test_hostile_parquet_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    wrong = {
        "row 1: the column 'label' holds a bytes": {"file": ["a"], "label": [b"x"]},
        "row 1: the column 'file' holds a list": {"file": [["a"]], "label": ["x"]},
        "row 1: the column 'file' names no file": {"file": [float("nan")], "label": ["x"]},
        "expected columns file,label": {"name": ["a"], "label": ["x"]},
        "found none": {"file": pa.array([], pa.string()), "label": pa.array([], pa.string())},
    }
    for words, columns in wrong.items():
        pq.write_table(pa.table(columns), path)
        with pytest.raises(LabelError, match=words):
            list(rows_of(str(path), TABLE))
    pq.write_table(pa.table({"file": ["a", "b"], "label": ["x", "x"]}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:20] + bytes(20) + whole[40:])
    with pytest.raises(LabelError):
        list(rows_of(str(path), TABLE))
    path.write_bytes(whole)
    monkeypatch.setattr(tables, "PARQUET_ROWS_LIMIT", 1)
    with pytest.raises(LabelError, match="2 rows, at most 1"):
        list(rows_of(str(path), TABLE))


def test_a_table_has_a_limit_and_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabelError, match="cannot be read"):
        list(rows_of(str(tmp_path / "absent.csv"), TABLE))
    with pytest.raises(LabelError, match="cannot be read"):
        list(rows_of(str(tmp_path), TABLE))
    monkeypatch.setattr(tables, "TABLE_LIMIT_BYTES", 10)
    with pytest.raises(LabelError, match="over 10 bytes"):
        rows(tmp_path / "t.csv", "file,label\n1,2\n")


def test_tables_are_found_below_roots_with_their_folds(tmp_path: Path) -> None:
    for name in ("label/set_1.csv", "label/set_12.csv", "label/set_x.csv", "label/set_1x.csv", "set_1.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "label/set_3.csv").mkdir()
    found = find_tables([str(tmp_path / "label"), str(tmp_path)], LabelTable(path="label/set_{fold}.csv"))
    assert [(one.root, Path(one.where).name, one.fold) for one in found] == [(1, "set_1.csv", 1), (1, "set_12.csv", 12)]
    assert len(find_tables([str(tmp_path)], LabelTable(path="label/*.csv"))) == 4
    assert find_tables([str(tmp_path / "set_1.csv")], LabelTable(path="*.csv")) == []


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
cells = text.map(str.strip)
filled = cells.filter(bool)


@given(
    st.sampled_from(sorted(SEPARATORS)),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(["\n", "\r\n"]),
    st.lists(st.tuples(filled, cells, cells), min_size=1, max_size=8),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_writer_of_csv_writes_is_read_again(
    tmp_path: Path, separator: str, quoting: int, ending: str, told: list[tuple[str, str, str]]
) -> None:
    if separator == "space":  # lines are stripped there, so that a line break inside a cell cannot stand beside a blank
        quoting = csv.QUOTE_ALL
        told = [
            (f, " ".join(a.split()), " ".join(b.split()))
            for f, a, b in ((" ".join(f.split()), a, b) for f, a, b in told)
        ]
        told = [row for row in told if row[0]] or [("f", "", "")]
    if (
        any("\r" in cell for row in told for cell in row) and ending == "\n"
    ):  # such a writer leaves it bare, and a bare one is refused
        quoting = csv.QUOTE_ALL
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=SEPARATORS[separator], quoting=quoting, lineterminator=ending)
    writer.writerows([("file", "label", "group"), *told])
    table = LabelTable.model_validate({**TABLE.model_dump(), "separator": separator})
    assert [tuple(row.values()) for row in rows(tmp_path / "t.csv", out.getvalue(), table)] == told


@given(st.lists(st.tuples(filled, cells), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_json_lines_and_parquet_hold_the_same_rows(tmp_path: Path, told: list[tuple[str, str]]) -> None:
    lines = "".join(json.dumps({"file": f, "label": a}) + "\n" for f, a in told)
    assert [tuple(row.values()) for row in rows(tmp_path / "t.jsonl", lines)] == told
    pq.write_table(pa.table({"file": [f for f, _ in told], "label": [a for _, a in told]}), tmp_path / "t.parquet")
    assert [tuple(row.values()) for _, row in rows_of(str(tmp_path / "t.parquet"), TABLE)] == told
