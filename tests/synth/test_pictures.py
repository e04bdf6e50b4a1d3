"""A bank of a user's own pictures: hostile input ends as a reason, sums hold, casts keep apart, and looks tell no class."""

import csv
import dataclasses
import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import Gerdata
from looks import look, put
from making import tree

from gerdata.clip import CLASSES
from gerdata.errors import DatasetError, LabelError, UsageError
from gerdata.media.images import encode_jpeg, encode_png
from gerdata.recipe import SynthRecipe
from gerdata.store.dataset import Dataset
from gerdata.store.verify import verify
from gerdata.synth import listing
from gerdata.synth.cutting import LUMA_MEAN, LUMA_SD, Tools
from gerdata.synth.gathering import Gathering, plan_gathering
from gerdata.synth.picturebank import SCHEMA, open_pictures
from gerdata.synth.pictures import REASONS, Making, PicturesBuilt, build_pictures
from gerdata.synth.repertoire import BankPlan
from gerdata.synth.replay import recall
from gerdata.synth.work import UNCHECKED, protection_of

NONE = Tools()
HOW = Making(seed=1, casts=4)


def bomb() -> bytes:
    """The first bytes of a PNG that claims 30000 x 30000 pixels."""
    data = bytearray(encode_png(look(0)))
    data[16:24] = (30_000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Ten people in all classes, each twice; and whatever else may lie in such a folder."""
    root = tmp_path / "faces"
    for person in range(10):
        for k, label in enumerate(CLASSES):
            for take in range(2):
                put(root / label / f"p{person}" / f"{take}.png", look(100 * person + 10 * k + take))
    put(root / "joy" / "wide.png", look(5000, 120, 300))
    put(root / "surprise" / "0.png", look(5001))
    put(root / "positive" / "small.png", look(5002, 60, 45))
    put(root / "positive" / "flat.png", np.full((120, 90, 3), 70, np.uint8))
    put(root / "positive" / "clear.png", np.dstack([look(5003), np.zeros((120, 90), np.uint8)]))
    put(
        root / "positive" / "strip.png",
        np.dstack([look(5004, 300, 300), np.pad(np.full((300, 80), 255, np.uint8), ((0, 0), (0, 220)))]),
    )
    (root / "negative" / "mirror.jpg").write_bytes(encode_jpeg(look(100)[:, ::-1], 80))
    (root / "negative" / "same.png").write_bytes((root / "neutral/p3/0.png").read_bytes())
    (root / "negative" / "note.txt").write_text("=cmd|' /C calc'!A0")
    (root / "negative" / "empty.png").write_bytes(b"")
    (root / "negative" / "half.jpg").write_bytes(encode_jpeg(look(5005), 90)[:900])
    (root / "negative" / "bomb.png").write_bytes(bomb())
    (root / "negative" / "passwd.png").symlink_to("/etc/passwd")
    (root / "negative" / "loop").symlink_to(root)
    return root


def build(given: Path, out: Path, how: Making = HOW, kind: str = "face") -> PicturesBuilt:
    return build_pictures({kind: given}, out, how, NONE)


def test_every_file_is_a_sprite_or_has_a_reason(faces: Path, tmp_path: Path) -> None:
    made = build(faces, tmp_path / "bank")
    reasons = {one.file: one.reason for one in made.rejects}
    assert reasons == {
        "surprise/0.png": "unknown-class",
        "positive/small.png": "too-small",
        "positive/flat.png": "too-flat",
        "positive/clear.png": "alpha-empty",
        "positive/strip.png": "odd-shape",
        "positive/p1/0.png": "near-duplicate",
        "neutral/p3/0.png": "duplicate",
        "negative/note.txt": "format-not-allowed",
        "negative/empty.png": "empty",
        "negative/half.jpg": "truncated",
        "negative/bomb.png": "too-large",
        "negative/passwd.png": "unsafe-path",
        "negative/loop": "unsafe-path",
    }
    files = [path for path in faces.rglob("*") if path.is_file() or path.is_symlink()]
    assert made.listed == {"face": 74} == {"face": len([f for f in files if "loop/" not in str(f)])}
    assert len(made.entries) + len(made.rejects) == 74
    assert set(reasons.values()) <= set(REASONS)
    table = pq.read_table(tmp_path / "bank" / "rejects.parquet").to_pylist()
    assert {row["file"]: row["reason"] for row in table} == reasons
    header = json.loads((tmp_path / "bank" / "bank.json").read_text())
    assert sum(header["rejected"]["face"].values()) + header["kept"]["face"] == header["listed"]["face"]


def test_what_is_read_is_what_was_built(faces: Path, tmp_path: Path) -> None:
    made = build(faces, tmp_path / "bank")
    bank = open_pictures(tmp_path / "bank")
    assert bank.entries == made.entries
    assert set(pq.read_schema(tmp_path / "bank/manifest.parquet").names) == set(SCHEMA.names)
    told = (tmp_path / "bank/manifest.parquet").read_bytes() + (tmp_path / "bank/bank.json").read_bytes()
    assert b"p3" not in told
    assert str(tmp_path).encode() not in told
    for one in bank.entries:
        assert bank.sprite("face", one.number).shape == (one.height_px, one.width_px, 4) == (64, 48, 4)


def test_the_same_files_give_the_same_bytes_in_any_order(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(faces, tmp_path / "one")
    walk = os.walk

    def backwards(root: Path):  # type: ignore[no-untyped-def]
        yield from ((folder, inner, files[::-1]) for folder, inner, files in reversed(list(walk(root))))

    monkeypatch.setattr(listing.os, "walk", backwards)
    build(faces, tmp_path / "two")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    build(faces, tmp_path / "three", Making(seed=2, casts=4))
    assert tree(tmp_path / "one") != tree(tmp_path / "three")


def test_casts_share_nobody(faces: Path, tmp_path: Path) -> None:
    places = tmp_path / "places"
    for k in range(8):
        put(places / f"{k}.png", look(9000 + k, 200, 260))
    whole = tmp_path / "people"
    for person in range(10):
        put(whole / "neutral" / f"p{person}" / "0.png", look(7000 + person, 300, 120))
    for seed in range(4):
        out = tmp_path / f"bank{seed}"
        made = build_pictures({"face": faces, "person": whole, "background": places}, out, Making(seed, 4), NONE)
        casts: dict[int, set[int]] = {}
        for one in made.entries:
            casts.setdefault(one.person, set()).add(one.cast)
        assert all(len(own) == 1 for own in casts.values())
        n_people = len({one.person for one in made.entries if one.kind != "background"})
        assert n_people == 10 + 3  # a face and a body of one name are one person; and three files of nobody's
        assert {one.cast for one in made.entries} == {0, 1, 2, 3}


def test_no_more_of_a_person_than_asked_for(faces: Path, tmp_path: Path) -> None:
    made = build(faces, tmp_path / "bank", Making(seed=1, casts=4, max_per_person=3))
    counts = Counter(one.person for one in made.entries)
    assert max(counts.values()) == 3
    assert sum(one.reason == "over-cap" for one in made.rejects) == 74 - 13 - len(made.entries)


@pytest.mark.parametrize("colour", [False, True])
def test_looks_do_not_tell_the_class(tmp_path: Path, colour: bool) -> None:
    """One class comes small, dark and tinted, the others large and light: sprites have one size, one mean, one deviation."""
    for k in range(12):
        small = look(k, 80, 60, 70, colour=True)
        put(tmp_path / "f/negative" / f"{k}.png", np.clip(small * np.array([1.3, 0.9, 0.8]), 0, 255).astype(np.uint8))
        put(tmp_path / "f/positive" / f"{k}.png", look(50 + k, 350, 350, 150, colour=True))
        put(tmp_path / "f/neutral" / f"{k}.png", look(90 + k, 200, 350, 180, colour=True))
    made = build(tmp_path / "f", tmp_path / "bank", Making(casts=1, colour=colour))
    assert len(made.entries) == 36
    bank = open_pictures(tmp_path / "bank")
    means: dict[str, list[np.ndarray]] = {}
    for one in bank.entries:
        rgba = bank.sprite("face", one.number)
        assert rgba.shape == (64, 48, 4)
        means.setdefault(one.label or "", []).append(rgba[rgba[..., 3] == 255][:, :3].astype(float))
    own = {label: np.mean([pixels.mean(0) for pixels in heap], axis=0) for label, heap in means.items()}
    spread = {label: np.mean([pixels.mean(1).std() for pixels in heap]) for label, heap in means.items()}
    for label in CLASSES:
        assert np.abs(own[label] - own["positive"]).max() < 4
        assert own[label] @ (0.299, 0.587, 0.114) == pytest.approx(LUMA_MEAN, abs=2)
        assert spread[label] == pytest.approx(LUMA_SD, abs=4)
    values = [made.measures[f"face {label}"] for label in CLASSES]
    for name in ("luma_mean", "aspect", "cover"):
        assert max(v[name] for v in values) - min(v[name] for v in values) < (1.5 if name == "luma_mean" else 0.01)


def test_grey_pictures_are_left_out_where_colour_is_kept(faces: Path, tmp_path: Path) -> None:
    put(faces / "positive" / "colour.png", look(6000, colour=True))
    made = build(faces, tmp_path / "bank", Making(casts=1, colour=True))
    assert [one.label for one in made.entries] == ["positive"]
    assert sum(one.reason == "no-colour" for one in made.rejects) > 50


def test_a_table_is_not_trusted(tmp_path: Path) -> None:
    root = tmp_path / "given"
    for k in range(3):
        put(root / f"{k}.png", look(k))
    put(tmp_path / "outside.png", look(9))
    table = root / "faces.csv"
    rows = [
        ("0.png", "", "0.8", "ann", "own", "CC0-1.0"),
        ("1.png", "anger", "", "ben", "own", "CC0-1.0"),
        ("../outside.png", "happy", "", "", "", ""),
        (str(tmp_path / "outside.png"), "happy", "", "", "", ""),
        ("file:///etc/passwd", "happy", "", "", "", ""),
        ("=HYPERLINK(1)", "happy", "", "", "", ""),
        ("2.png", "happy", "", "=1+1", "", ""),
        ("./2.png", "happy", "", "", "", ""),
        ("2.png", "happy", "", "", "\u202eevil", ""),
        ("2.png", "happy", "", "", "", "x" * 201),
        ("2.png", "", "7", "", "", ""),
        ("2.png", "", "nan", "", "", ""),
    ]
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("file", "class", "valence", "person", "source", "licence"), *rows])
    made = build(table, tmp_path / "bank")
    assert sorted((one.label, one.valence, one.licence) for one in made.entries) == [
        ("negative", None, "CC0-1.0"),
        ("positive", 0.8, "CC0-1.0"),
    ]
    assert Counter(one.reason for one in made.rejects) == {
        "unsafe-path": 4, "source-missing": 1, "unsafe-text": 3, "unknown-class": 2
    }  # fmt: skip
    assert not any(one.file.startswith(("=", "+", "@")) for one in made.rejects)


@pytest.mark.parametrize(
    "text",
    [b"name\n1.png\n", b"file,class\n1.png\n", b"\xff\xfe\x00", b'file,class\n"1.png,joy\n', b"file,class\na,b,c\n"],
)
def test_a_table_out_of_form_is_one_sentence(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(text)
    with pytest.raises(LabelError, match=r"t\.csv"):
        build(tmp_path / "t.csv", tmp_path / "bank")
    assert not (tmp_path / "bank").exists()


def test_a_huge_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_bytes(b"file,class\n" + b"1.png,joy\n" * 50)
    monkeypatch.setattr(listing, "MAX_FILES", 20)
    with pytest.raises(LabelError, match="over 20 rows"):
        build(tmp_path / "t.csv", tmp_path / "bank")
    with (tmp_path / "t.csv").open("wb") as file:
        file.truncate(1 << 34)
    with pytest.raises(LabelError, match="over 16777216 bytes"):
        build(tmp_path / "t.csv", tmp_path / "bank")


def test_places_hold_nobody(tmp_path: Path) -> None:
    for k in range(3):
        put(tmp_path / "places" / f"{k}.png", look(k, 400, 600, colour=True))
    seen = Tools(
        heads=lambda frame: np.ones((int(frame[0, 0, 0] == look(1, 400, 600, colour=True)[0, 0, 0]), 5), np.float32)
    )
    made = build_pictures({"background": tmp_path / "places"}, tmp_path / "bank", HOW, seen)
    assert [(one.file, one.reason) for one in made.rejects] == [("1.png", "has-people")]
    assert {one.cut for one in made.entries} == {"checked"}
    bank = open_pictures(tmp_path / "bank")
    assert {photo.is_checked for cast in range(4) for photo in bank.photos(cast, 4)} == {True}
    shared = [len(bank.photos(cast, 3)) for cast in range(3)]
    assert sum(shared) == 2  # every place belongs to one cast, however many there are
    (photo,) = [one for cast in range(4) for one in bank.photos(cast, 4)][:1]
    assert bank.background(photo).shape == (360, 540, 3)


def test_avatars_meet_before_photos_that_are_their_casts_alone(tmp_path: Path) -> None:
    for k in range(40):
        put(tmp_path / "places" / f"{k}.png", look(k, 200, 260))
    build(tmp_path / "places", tmp_path / "bank", Making(casts=16), "background")
    bank, avatars = open_pictures(tmp_path / "bank"), BankPlan()
    seen: dict[int, set[int]] = {}
    plain, photographed = SynthRecipe(), 0
    for index in range(0, 300, 3):
        plan = plan_gathering(plain, avatars, 1, index, bank)
        assert Gathering.from_json(json.loads(json.dumps(plan.to_json()))) == plan
        assert dataclasses.replace(plan, photo=None) == plan_gathering(plain, avatars, 1, index)
        if plan.photo is not None:
            photographed += 1
            assert plan.photo.bank == bank.name
            seen.setdefault(plan.photo.number, set()).add(plan.cast)
    assert photographed > 80
    assert all(len(casts) == 1 for casts in seen.values())
    assert len(seen) > 15
    assert protection_of(plan) == UNCHECKED  # nobody was looked for in them


def test_a_bank_that_was_tampered_with_is_refused(faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "bank"
    build(faces, out)
    with pytest.raises(UsageError, match="already holds a bank"):
        build(faces, out)
    (out / "face/00000.png").write_bytes(bomb())
    with pytest.raises(DatasetError, match="not the file that was built"):
        open_pictures(out).sprite("face", 0)
    header = json.loads((out / "bank.json").read_text())
    rows = pq.read_table(out / "manifest.parquet").to_pylist()
    for spoilt in (
        {"kind": "../../etc"},
        {"number": -1},
        {"width_px": 1 << 20},
        {"sha256": "x"},
        {"source": "x" * 300},
    ):
        import hashlib

        import pyarrow as pa

        pq.write_table(pa.Table.from_pylist([{**rows[0], **spoilt}], SCHEMA), out / "manifest.parquet")
        digest = hashlib.sha256((out / "manifest.parquet").read_bytes()).hexdigest()
        (out / "bank.json").write_text(json.dumps({**header, "manifest_sha256": digest}))
        with pytest.raises(DatasetError, match="a row is out of form"):
            open_pictures(out)
    (out / "bank.json").write_text("[" * 3000)
    with pytest.raises(DatasetError, match="expected a bank"):
        open_pictures(out)


def test_from_faces_to_collages_and_back(gerdata: Gerdata, faces: Path, tmp_path: Path) -> None:
    bank, at = tmp_path / "bank", ("--workspace", tmp_path, "--quiet", "--json")
    made = gerdata("bank", "build", bank, "--faces", faces, "--casts", 2, "--cut", "ellipse", *at)
    assert made.code == 0
    told = json.loads(made.out)
    assert told["read"] == 74 == told["written"]["face"] + told["rejected"]
    assert gerdata("bank", "show", bank, "--out", tmp_path / "sheet.html", *at).code == 0
    page = (tmp_path / "sheet.html").read_text()
    assert "default-src 'none'" in page
    assert "<script" not in page
    few = ("--recipe", "paper", "--set", "frame_px=96", "--set", "n_frames=2")
    assert gerdata("synth", "--n", 6, *few, "--bank", bank, *at).code == 0
    header = json.loads((tmp_path / "synth/dataset.json").read_text())
    assert "not obfuscated" in header["protection"]
    assert "NOT obfuscated" in header["notice"]
    rows = pq.read_table(tmp_path / "synth/manifest.parquet").to_pylist()
    assert Counter(row["label"] for row in rows) == dict.fromkeys(CLASSES, 2)
    assert {row["protection"] for row in rows} == {header["protection"]}
    assert len({(row["group"], json.loads(row["plan"])["cast"]) for row in rows}) == 2
    again = gerdata("synth", "--replay", rows[0]["id"], "--bank", bank, *at)
    assert json.loads(again.out)["differing"] == []
    with pytest.raises(UsageError, match="give its folder with --bank"):
        recall(Dataset(tmp_path / "synth"), rows[0]["id"])
    assert verify(Dataset(tmp_path / "synth"))[1] == []


def test_options_of_a_bank_do_what_they_say(gerdata: Gerdata, faces: Path, tmp_path: Path) -> None:
    bank = tmp_path / "bank"
    words = (
        "bank",
        "build",
        bank,
        "--faces",
        faces,
        "--casts",
        4,
        "--cut",
        "ellipse",
        "--workspace",
        tmp_path,
        "--quiet",
    )
    assert gerdata(*words, "--dry-run").code == 0
    wrong = gerdata(*words, "--sounds", tmp_path / "none.csv")
    assert (wrong.code, bank.exists()) == (2, False)  # the tables are read before anything is made
    assert gerdata(*words).code == 0
    before = tree(bank)
    assert gerdata(*words).code == 2
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "bank.json").write_text("{}")
    (bank / "sounds").symlink_to(tmp_path / "far")  # what a bank only links to is not its own
    assert gerdata(*words, "--overwrite").code == 0
    assert (tmp_path / "far" / "bank.json").exists()
    (bank / "sounds").unlink()
    assert tree(bank) == before
    few = gerdata(
        "synth", "--n", 3, "--recipe", "paper", "--bank", bank, "--set", "min_people=9", "--workspace", tmp_path
    )
    assert (few.code, "no cast has 9 people of every class" in few.err) == (2, True)
    (tmp_path / "heard" / "laugh").mkdir(parents=True)
    (tmp_path / "heard" / "laugh" / "a.wav").write_bytes(b"none")
    silent = ("bank", "build", tmp_path / "silent", "--sounds", tmp_path / "heard", "--workspace", tmp_path, "--quiet")
    assert gerdata(*silent).code == 3
