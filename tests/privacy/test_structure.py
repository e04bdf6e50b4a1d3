"""Structure in `protect`: private unless a recipe says heatmaps, marked where it goes, nobody's where there is nobody."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import Gerdata
from making import tree

from gerdata.clip import Clip, Structure
from gerdata.engine.work import Item, Made
from gerdata.errors import RejectedInput
from gerdata.manifest import clip_to_json
from gerdata.people.tracks import Tracks
from gerdata.privacy import check, work
from gerdata.privacy import heads as head_ops
from gerdata.privacy.stage import notice_of, protection_of
from gerdata.privacy.work import ProtectWorker
from gerdata.recipe import ProtectRecipe
from gerdata.store.members import decode_structure
from gerdata.store.structures import structures_of

RECIPES = {
    how: ProtectRecipe(frame_op="remove_heads", voice_op="mute", structure=how)
    for how in ("none", "private", "heatmaps")
}


class Nobody:
    """A finder, or a gate, that finds nothing."""

    def find(self, frame: np.ndarray, *rest: object) -> np.ndarray:
        return np.zeros((0, 5), np.float32)


class OneEach:
    """In place of the structure finder: a body hanging from every head that is there, its ankles at the bottom."""

    def find(self, frame: np.ndarray, faces: np.ndarray, stored_px: int) -> Structure:
        out = Structure.empty(1, len(faces))
        out.heads[0], out.bodies[..., 2] = faces, 0
        for p, box in enumerate(faces):
            if np.isfinite(box).all():
                y = np.linspace(box[1], stored_px - 1, 17)
                out.bodies[0, p] = np.stack([np.full(17, (box[0] + box[2]) / 2), y, np.full(17, 2)], axis=1)
        return out


def item_of(clips: Path) -> Item:
    path = sorted(clips.rglob("*.mp4"))[0]
    told = {
        "uri": str(path),
        "offset": 0,
        "size": None,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "start_s": 0.0,
        "duration_s": 1.0,
        "origin_s": 0.0,
        "secret": "s",
        "clip": clip_to_json(Clip("a", "g", "positive", "train", 1.0)),
    }
    return Item("a", told)


def made_by(monkeypatch: pytest.MonkeyPatch, clips: Path, recipe: ProtectRecipe, heads: np.ndarray) -> Made:
    """One clip through the worker; `heads [F, P, 4]` are what the scan finds."""
    tracks = Tracks(heads, np.ones(heads.shape[1], np.bool_))

    class Scan:
        def scan(self, looks: object, finder: object) -> Tracks:
            assert sum(1 for _ in looks) == len(heads)  # type: ignore[attr-defined]  # every frame is still there
            return tracks

    for module in (head_ops, work):
        monkeypatch.setattr(module, "head_finder", Nobody)
    monkeypatch.setattr(check, "face_gate", Nobody)
    monkeypatch.setattr(work, "structure_finder", OneEach)
    monkeypatch.setattr(work, "head_scan_of", lambda recipe: Scan())
    worker = ProtectWorker({"recipe": recipe.model_dump(mode="json"), "name": "x"})
    if recipe.follows_heads:
        object.__setattr__(worker.frame_op, "scan_with", Scan())
    (made,) = worker.work(item_of(clips), lambda seconds: None)
    return made


def some_heads() -> np.ndarray:
    """Two people over 20 frames; the second is only in the first half, the first is gone in frame 10."""
    heads = np.full((20, 2, 4), np.nan, np.float32)
    heads[:, 0], heads[:10, 1] = (10, 4, 18, 12), (40, 4, 48, 12)
    heads[10] = np.nan
    return heads


@pytest.mark.parametrize("frame_op", ["remove_heads", "raw_frame", "shrink_frame"])
@pytest.mark.parametrize("how", ["none", "private", "heatmaps"])
def test_where_structure_goes(monkeypatch: pytest.MonkeyPatch, clips: Path, how: str, frame_op: str) -> None:
    recipe = RECIPES[how].model_copy(update={"frame_op": frame_op})
    made = made_by(monkeypatch, clips, recipe, some_heads())
    assert made.members is not None
    assert made.private is not None
    assert "structure.npz" not in made.members
    assert ("limbs.npz" in made.members) == (how == "heatmaps")
    assert ("structure" in made.private) == (how != "none")
    assert made_by(monkeypatch, clips, recipe, some_heads()) == made  # the same bytes twice


def test_a_frame_without_people_is_zeros_between_frames_with(monkeypatch: pytest.MonkeyPatch, clips: Path) -> None:
    """20 frames, 5 kept: 2, 6, 10, 14, 18. In frame 10 nobody is there; the published code shows the frame before again."""
    from gerdata.store.members import decode_limbs

    made = made_by(monkeypatch, clips, RECIPES["heatmaps"], some_heads())
    assert made.members is not None
    limbs = decode_limbs(made.members["limbs.npz"])
    assert limbs.has_people.tolist() == [True, True, False, True, True]
    assert limbs.maps.any(axis=(1, 2, 3)).tolist() == [True, True, False, True, True]
    assert limbs.maps[0].sum() > 1.5 * limbs.maps[3].sum() > 0  # two people, then one


def test_a_clip_without_people_is_kept_with_empty_maps(monkeypatch: pytest.MonkeyPatch, clips: Path) -> None:
    """The published code loses such clips from its training list, and so the classes that are often without faces."""
    import base64

    from gerdata.store.members import decode_limbs

    made = made_by(monkeypatch, clips, RECIPES["heatmaps"], np.zeros((20, 0, 4), np.float32))
    assert made.members is not None
    assert made.private is not None
    limbs = decode_limbs(made.members["limbs.npz"])
    assert not limbs.maps.any()
    assert not limbs.has_people.any()
    assert decode_structure(base64.b64decode(made.private["structure"])).heads.shape == (5, 0, 4)


def test_a_finder_that_fails_quarantines_the_clip(monkeypatch: pytest.MonkeyPatch, clips: Path) -> None:
    def broken(self: object, *rest: object) -> Structure:
        raise RuntimeError("no")

    monkeypatch.setattr(OneEach, "find", broken)
    with pytest.raises(RejectedInput, match="detector-failed"):
        made_by(monkeypatch, clips, RECIPES["private"], some_heads())


def test_what_it_is_called() -> None:
    told = {how: (protection_of("remove", recipe), notice_of(recipe)) for how, recipe in RECIPES.items()}
    assert told["none"] == told["private"]
    assert told["heatmaps"][0] == "remove (pose released)"
    assert "(pose released)" in told["heatmaps"][1]
    raw = ProtectRecipe(frame_op="raw_frame", voice_op="raw_voice", structure="heatmaps")
    assert protection_of("global", raw) == "global (not obfuscated) (pose released)"
    assert "(pose released)" in notice_of(raw)


@pytest.fixture(scope="module")
def workspace(gerdata: Gerdata, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pose") / "w"
    for words in (
        ("ingest", clips),
        ("protect", "--set", "structure=heatmaps"),
        ("synth", "--recipe", "flat", "--n", 6),
        ("shard", "--synthetic-rate", 0.2),
        ("report", root),
    ):
        shared = () if words[0] == "report" else ("--workspace", root)
        ran = gerdata(*words, *shared, "--quiet")
        assert ran.code == 0, ran.err
    return root


def test_the_mark_goes_wherever_the_maps_go(gerdata: Gerdata, workspace: Path) -> None:
    release = workspace / "shards/release"
    header = json.loads((release / "dataset.json").read_text())
    assert header["members"][-1] == "limbs.npz"
    assert "structure.npz" not in header["members"]
    assert "remove (pose released)" in header["protection"]
    assert "(pose released)" in header["notice"]
    card = (release / "README.md").read_text()
    assert card.count("(pose released)") >= 3  # notice, protection, what attackers found
    assert "(pose released)" in (workspace / "report/index.html").read_text()
    rows = [row for path in release.glob("manifest/*.parquet") for row in pq.read_table(path).to_pylist()]
    assert {row["protection"] for row in rows if not row["is_synthetic"]} == {"remove (pose released)"}
    assert {row["protection"] for row in rows if row["is_synthetic"]} == {"synthetic"}
    for name in ("protected", "shards/release"):
        assert gerdata("verify", workspace / name).code == 0


def test_the_private_form_lies_in_the_private_folder_only(workspace: Path) -> None:
    from gerdata.store.private import look_private

    private = look_private(workspace / "private")
    parts = sorted((workspace / "private/protected").glob("*.jsonl"))
    found = {name: one for n in range(len(parts)) for name, one in structures_of(private, "protected", n).items()}
    assert len(found) == 9
    assert {len(structure.heads) for structure in found.values()} == {5}
    for name in ("protected", "shards"):
        assert not [
            path for path, data in tree(workspace / name).items() if b"structure.npz" in data or b"bodies.npy" in data
        ]


def test_synthetic_people_are_drawn_into_the_same_form(workspace: Path) -> None:
    from gerdata.people.limbs import body_maps
    from gerdata.store.dataset import Dataset, rows_of
    from gerdata.store.members import decode

    dataset = Dataset(workspace / "shards/release")
    header = dataset.header()
    drawn = []
    for row in rows_of(dataset, header):
        sample = decode(dict(zip(header.members, dataset.members(row), strict=True)))
        assert sample.limbs is not None
        assert sample.limbs.maps.any() == row.clip.is_synthetic
        drawn += [sample.limbs.maps.tobytes()] if row.clip.is_synthetic else []
    synth = Dataset(workspace / "synth")
    members = synth.header().members
    whole = [decode(dict(zip(members, synth.members(row), strict=True))).structure for row in synth.rows()]
    wanted = {body_maps(structure, 224, 224).maps.tobytes() for structure in whole if structure is not None}
    assert drawn
    assert set(drawn) <= wanted


@pytest.mark.parametrize("fault", ["header", "row", "structure"])
def test_verify_finds_maps_without_their_mark(gerdata: Gerdata, workspace: Path, tmp_path: Path, fault: str) -> None:
    from gerdata.manifest import MANIFEST_SCHEMA, read_rows, write_rows

    copy = tmp_path / "copy"
    shutil.copytree(workspace / "protected", copy)
    header = json.loads((copy / "dataset.json").read_text())
    if fault == "header":
        header["protection"] = "remove"
    elif fault == "structure":
        header["members"][-1] = "structure.npz"
    else:
        import dataclasses

        rows = read_rows(copy / "manifest.parquet")
        rows[0] = dataclasses.replace(rows[0], clip=dataclasses.replace(rows[0].clip, protection="remove"))
        write_rows(copy / "manifest.parquet", rows, MANIFEST_SCHEMA)
    (copy / "dataset.json").write_text(json.dumps(header))
    ran = gerdata("verify", copy, "--json")
    wanted = "must stay in the private folder" if fault == "structure" else "is not marked (pose released)"
    assert ran.code == 4
    assert [one for one in json.loads(ran.out)["findings"] if wanted in one["what"]]


def test_the_loader_leaves_the_maps_alone(workspace: Path) -> None:
    torch = pytest.importorskip("torch")
    from gerdata.learn.batch import Form
    from gerdata.learn.data import ReleaseSplit

    split = ReleaseSplit(workspace / "shards/release", "train", Form(32, 32, 2, 0.4, "both"))
    assert len(split) > 0
    assert split[0].video.dtype == torch.uint8
