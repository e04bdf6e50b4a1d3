"""Verify finds what is wrong alone: any bit of any file, and what a stranger put into a release together with its sums."""

import io
import json
import pickle
import shutil
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gerdata.chance import rng_for
from gerdata.engine.run import Options, run
from gerdata.manifest import read_rows
from gerdata.recipe import ShardRecipe, SynthRecipe, load
from gerdata.shards.release import Target, job_of, publish
from gerdata.store.checksums import CHECKSUMS, checksums_of, files_of
from gerdata.store.dataset import HEADER, Dataset
from gerdata.store.private import open_private
from gerdata.store.tar import BLOCK, walk
from gerdata.store.verify import Finding, verify
from gerdata.synth import stage

FORMS = {"tar": (), "parquet": ("format='parquet'",), "video": ("mode='video'", "audio='wav'")}
N_FLIPS = 20  # of each form; benchmarks/flips.py does a thousand


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("releases")
    options = Options(logs=root / "logs", quiet=True)
    recipe = load(SynthRecipe, "synth", "flat", ("frame_px=64", "duration_s=1.0"))
    run(stage.job_of(12, recipe, 0, root / "synth"), options, publish=stage.publish)
    private = open_private(root / "private")
    for name, sets in FORMS.items():
        how = load(ShardRecipe, "shard", "webdataset", ("samples_per_shard=4", *sets))
        target = Target(name, root / name, root / "audits")
        run(job_of([Dataset(root / "synth")], target, how, 0, private), options, publish=publish)
    return {name: root / name for name in FORMS}


@pytest.fixture
def copy(releases: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    return lambda form: Path(shutil.copytree(releases[form], tmp_path / form))


def found(release: Path) -> list[Finding]:
    return verify(Dataset(release))[1]


def forge(release: Path) -> None:
    """Sums anew, as somebody who changed a file on purpose makes them."""
    sums = checksums_of(release, (release / HEADER).read_bytes())
    (release / CHECKSUMS).write_text(sums)


@pytest.mark.parametrize("form", ["tar", "parquet"])
def test_any_flipped_bit_is_found_and_its_sample_named(copy: Callable[[str], Path], form: str) -> None:
    release = copy(form)
    assert found(release) == []
    rows = [row for path in sorted(release.glob("manifest/*.parquet")) for row in read_rows(path)]
    names = files_of(release)
    assert {HEADER, CHECKSUMS, "README.md", "croissant.json"} < set(names)
    for i in range(N_FLIPS):
        chance = rng_for(1, "flip", i)
        name = names[i % len(names)]
        whole = (release / name).read_bytes()
        at, bit = int(chance.integers(len(whole))), int(chance.integers(8))
        (release / name).write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
        findings = found(release)
        assert findings, f"{name}, byte {at}, bit {bit}"
        for row in rows:
            places = zip(row.member_offset, row.member_length, strict=True)
            if row.shard == name and any(start <= at < start + length for start, length in places):
                assert any(row.clip.id in finding.where for finding in findings), (name, at)
        (release / name).write_bytes(whole)
    assert found(release) == []


def test_every_bit_of_the_list_of_sums_counts(copy: Callable[[str], Path]) -> None:
    """Also those that leave its words as they are: the end of a line as another kind of end, a digit as a capital."""
    from gerdata.store import checksums

    release = copy("tar")
    whole = (release / CHECKSUMS).read_bytes()
    for at in (0, 63, 64, 65, 66, whole.index(b"\n"), len(whole) - 1):
        for bit in range(8):
            (release / CHECKSUMS).write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            assert list(checksums.check(release)), (at, bit)


def test_a_header_that_is_none_is_a_finding(copy: Callable[[str], Path]) -> None:
    release = copy("tar")
    (release / HEADER).write_text("{")
    header, findings = verify(Dataset(release))
    assert header is None
    assert findings[0].where == HEADER


class Trap:
    """Unpickled, it says so."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (print, ("unpickled",))


def rewritten(release: Path, change: Callable[[tarfile.TarFile, list[tuple[tarfile.TarInfo, bytes]]], None]) -> str:
    """The first training tar written again by somebody else, sums and all; its name."""
    path = release / "train/train-000000.tar"
    with tarfile.open(path) as tar:
        held = [(info, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        change(tar, held)
    path.write_bytes(path.read_bytes().rstrip(b"\0") + b"\0" * 4096)
    forge(release)
    return path.name


def put(tar: tarfile.TarFile, info: tarfile.TarInfo, data: bytes = b"") -> None:
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


HOSTILE = {
    "../escape.json": None,
    "/tmp/absolute.json": None,
    "a.pkl": None,
    "a.pyd": None,
    "a.pth": None,
    "a.exe": None,
    "link.json": tarfile.SYMTYPE,
    "hard.json": tarfile.LNKTYPE,
    "pipe.json": tarfile.FIFOTYPE,
    "device.json": tarfile.CHRTYPE,
}


@pytest.fixture
def events() -> Iterator[list[str]]:
    """What the interpreter is asked to do meanwhile: unpickling, starting programs, writing."""
    seen: list[str] = []
    watched = {"pickle.find_class", "os.system", "subprocess.Popen", "os.symlink", "os.link", "os.mkdir"}

    def hook(event: str, args: tuple[object, ...]) -> None:
        if is_on and (event in watched or (event == "open" and set(str(args[1])) & set("wax+"))):
            seen.append(f"{event} {args}")

    is_on = True
    sys.addaudithook(hook)
    yield seen
    is_on = False


@pytest.mark.parametrize("name", HOSTILE)
def test_members_that_no_sample_has_are_named_and_nothing_of_them_happens(
    copy: Callable[[str], Path], name: str, events: list[str]
) -> None:
    release = copy("tar")

    def change(tar: tarfile.TarFile, held: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        for info, data in held:
            put(tar, info, data)
        odd = tarfile.TarInfo(name)
        if HOSTILE[name] is not None:
            odd.type, odd.linkname = HOSTILE[name], "/etc/passwd"
        put(tar, odd, pickle.dumps(Trap()) if HOSTILE[name] is None else b"")

    rewritten(release, change)
    before = set(release.parent.rglob("*"))
    events.clear()
    findings = found(release)
    assert events == []
    assert any(Path(name).name in finding.what for finding in findings), findings
    assert set(release.parent.rglob("*")) == before


def test_a_member_twice_a_size_that_lies_and_a_cut_are_found(copy: Callable[[str], Path], tmp_path: Path) -> None:
    release = copy("tar")

    def twice(tar: tarfile.TarFile, held: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        for info, data in [*held, held[-1]]:
            put(tar, info, data)

    name = rewritten(release, twice)
    members = list(walk(release / f"train/{name}"))
    assert any(f"{members[-1].name!r} is in it 2 times" in finding.what for finding in found(release))
    path = release / f"train/{name}"
    whole = path.read_bytes()
    for lie in (b"77777777777\0", b"00000000001\0"):
        header = bytearray(whole[:BLOCK])
        header[124:136] = lie
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        path.write_bytes(bytes(header) + whole[BLOCK:])
        forge(release)
        assert any(finding.where.startswith(f"train/{name}") for finding in found(release)), lie
    path.write_bytes(whole[: len(whole) // 2])
    forge(release)
    assert found(release)


def test_an_object_array_in_a_structure_is_not_unpickled(copy: Callable[[str], Path], events: list[str]) -> None:
    release = copy("tar")
    packed = io.BytesIO()
    np.savez(packed, heads=np.array([Trap()], object), bodies=np.zeros(1), faces=np.zeros(1))

    def change(tar: tarfile.TarFile, held: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        for info, data in held:
            put(tar, info, packed.getvalue() if info.name.endswith(".structure.npz") else data)

    rewritten(release, change)
    path = release / "manifest/train.parquet"
    table = pq.read_table(path).to_pylist()
    places = {m.name: m for m in walk(release / "train/train-000000.tar")}
    for row in table:
        if row["shard"] == "train/train-000000.tar":
            own = [m for name, m in places.items() if name.startswith(row["id"])]
            row["member_offset"], row["member_length"] = [m.offset for m in own], [m.length for m in own]
            row["sample_sha256"] = None
    pq.write_table(pa.Table.from_pylist(table, schema=pq.read_schema(path)), path)
    forge(release)
    events.clear()
    findings = found(release)
    assert not [event for event in events if "pickle" in event]
    assert {"heads in structure.npz" in f.what or "structure.npz" in f.what for f in findings} == {True}
    assert len(findings) >= 1


@pytest.mark.parametrize("form", ["tar", "parquet"])
def test_rows_that_were_changed_together_with_their_sums_are_named(copy: Callable[[str], Path], form: str) -> None:
    release = copy(form)
    path = release / "manifest/train.parquet"
    table = pq.read_table(path)
    labels = table["label"].to_pylist()
    other = {"positive": "negative", "negative": "neutral", "neutral": "positive"}
    flipped = [other[labels[0]], *labels[1:]]
    pq.write_table(table.set_column(table.schema.get_field_index("label"), "label", pa.array(flipped)), path)
    forge(release)
    name = table["id"][0].as_py()
    assert any(name in finding.where and "JSON" in finding.what for finding in found(release))


def test_columns_splits_assets_and_files_of_others_are_found(copy: Callable[[str], Path]) -> None:
    release = copy("tar")
    path = release / "manifest/test.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    train = pq.read_table(release / "manifest/train.parquet").to_pylist()
    rows[0] |= {"group": train[0]["group"], "plan": train[0]["plan"]}
    rows[0]["id"] = train[0]["id"]
    pq.write_table(
        pa.Table.from_pylist(rows, schema=table.schema).append_column("path", pa.array(["x"] * len(rows))), path
    )
    (release / "notes.pkl").write_bytes(pickle.dumps(Trap()))
    (release / "link.json").symlink_to("/etc/passwd")
    forge(release)
    told = [f"{finding.where}: {finding.what}" for finding in found(release)]
    for wanted in (
        "test.parquet: column 'path' is not on the allow-list",
        f"{train[0]['group']}: this group is in test and train",
        f"{train[0]['id']}: this id is in the manifest more than once",
        "shares an asset",
        "notes.pkl: is none of the files that a release has",
        "link.json: is a link or no plain file",
    ):
        assert any(wanted in line for line in told), wanted


@pytest.mark.parametrize("name", ["id", "group", "label", "flags"])
def test_text_that_a_flipped_bit_made_bytes_is_a_finding(copy: Callable[[str], Path], name: str) -> None:
    root = copy("parquet")
    path = root / "manifest" / "train.parquet"
    table = pq.read_table(path)
    kind = pa.list_(pa.binary()) if pa.types.is_list(table[name].type) else pa.binary()
    at = table.schema.get_field_index(name)
    pq.write_table(table.set_column(at, name, table[name].cast(kind)), path)
    assert any(f"column {name} holds bytes" in one.what for one in verify(Dataset(root))[1])


def test_a_parquet_shard_whose_columns_are_not_the_manifests_is_named(copy: Callable[[str], Path]) -> None:
    release = copy("parquet")
    path = next(release.glob("data/train-*"))
    table = pq.read_table(path)
    changed = table.set_column(table.schema.get_field_index("label"), "label", pa.array(["positive"] * len(table)))
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path)
    forge(release)
    assert any(path.name in finding.where and "bytes" in finding.what for finding in found(release))
    pq.write_table(table.append_column("path", pa.array(["x"] * len(table))), path)
    forge(release)
    assert any("columns are not those of a shard (path)" in finding.what for finding in found(release))


def test_a_damaged_video_is_decoded_where_it_can_do_no_harm(copy: Callable[[str], Path]) -> None:
    release = copy("video")
    assert found(release) == []
    row = read_rows(release / "manifest/train.parquet")[0]
    path = release / str(row.shard)
    data = bytearray(path.read_bytes())
    start, length = row.member_offset[0], row.member_length[0]
    data[start + length // 3 : start + length] = bytes(length - length // 3)
    path.write_bytes(bytes(data))
    assert any(row.clip.id in finding.where and "MP4" in finding.what for finding in found(release))


def test_the_account_of_what_was_left_out_adds_up(copy: Callable[[str], Path]) -> None:
    release = copy("tar")
    header = json.loads((release / HEADER).read_text())
    header["pool"]["left_out"] = {"quality": 3}
    (release / HEADER).write_text(json.dumps(header))
    forge(release)
    assert any("chosen from" in finding.what for finding in found(release))
