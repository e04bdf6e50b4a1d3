"""Plans of both styles, rendered and marked; what a viewer could know; a sample made again from its plan."""

import csv
import json
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import Gerdata
from making import tree
from pydantic import ValidationError

from gerdata.clip import CLASSES
from gerdata.errors import DatasetError, MissingError, UsageError
from gerdata.media.audio import encode_flac
from gerdata.media.images import decode_jpeg, encode_jpeg
from gerdata.media.mark import is_mark, mark_of
from gerdata.recipe import SynthRecipe, recipe_names
from gerdata.recipe import load as load_recipe
from gerdata.recipe.synth import MAX_MARGIN
from gerdata.synth import stage
from gerdata.synth.gathering import Gathering, plan_gathering
from gerdata.synth.mood import POSTURES
from gerdata.synth.repertoire import BankPlan
from gerdata.synth.rule import THRESHOLD, class_of
from gerdata.synth.scene import ScenePlan, plan_scene
from gerdata.synth.soundbank import SoundBank
from gerdata.synth.studio import Studio, bank_plan_of, label_in_view, plan_from_text

FLAT = SynthRecipe(style="flat")
BANK = BankPlan()


def plan_of(recipe: SynthRecipe, seed: int, index: int) -> ScenePlan | Gathering:
    if recipe.style == "flat":
        return plan_scene(recipe, seed, index)
    return plan_gathering(recipe, bank_plan_of(recipe), seed, index)


@pytest.mark.parametrize("name", [name for name in recipe_names("synth") if name != "paper"])  # its heads need a deck
def test_every_recipe_makes_plans(name: str) -> None:
    recipe = load_recipe(SynthRecipe, "synth", name)
    plans = [plan_of(recipe, 0, i) for i in range(30)]
    assert [sum(plan.label == one for plan in plans) for one in CLASSES] == [10, 10, 10]
    for plan in plans:
        assert recipe.min_people <= plan.n_people <= recipe.max_people
        assert plan.label_margin >= recipe.min_margin - 1e-4
        if isinstance(plan, Gathering):
            assert plan.layout in (*recipe.layouts, "crowd")
            assert len({one.avatar for one in plan.actors}) == plan.n_people  # nobody is there twice


@pytest.mark.parametrize(("rule", "margin"), [("mean-valence", 0.3), ("salience-weighted", 0.3), ("majority", 0.9)])
def test_no_group_is_nearer_to_undecided_than_was_asked_for(rule: str, margin: float) -> None:
    recipe = SynthRecipe.model_validate({"rule": rule, "min_margin": margin})
    assert all(plan_of(recipe, 1, i).label_margin >= margin - 1e-4 for i in range(30))
    assert MAX_MARGIN == THRESHOLD
    for given in ({"min_margin": 0.31}, {"max_people": 17}, {"bank_people": 10}, {"bank_people": 90}):
        with pytest.raises(ValidationError, match=r"lower min_margin|there twice"):
            SynthRecipe.model_validate(given)


def test_flat_people_stand_in_where_they_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "state_of_asset", lambda asset: ("missing", ""))
    recipe = stage.resolved(load_recipe(SynthRecipe, "synth", "sound-only"))
    plan = plan_of(recipe, 3, 0)
    assert isinstance(plan, ScenePlan)
    assert all(one.feeling.display(t) == 0 for one in plan.people for t in (0.5, 2.5, 4.5))
    assert stage.ignored_by_flat(recipe) == ("posture_share",)
    assert "cast_size" in stage.ignored_by_flat(recipe.model_copy(update={"cast_size": 20}))
    with pytest.raises(MissingError, match="majority is of avatars"):
        stage.resolved(load_recipe(SynthRecipe, "synth", "argument"))


def test_sound_alone_tells_where_nothing_is_shown() -> None:
    recipe = load_recipe(SynthRecipe, "synth", "sound-only")
    for index in range(12):
        plan = plan_gathering(recipe, BANK, 3, index)
        assert all(one.feeling.display(t) == 0 for one in plan.actors for t in (0.5, 2.5, 4.5))
        assert {one.posture for one in plan.actors} <= {"stand", "crossed", "sit"}


def test_postures_tell_where_faces_show_nothing() -> None:
    told = {"show": 0.0, "posture_share": 1.0, "mixed_share": 0.0, "weak_share": 0.0, "layouts": ["crowd", "street"]}
    recipe = SynthRecipe.model_validate(told)
    seen: dict[str, set[str]] = {name: set() for name in CLASSES}
    for index in range(30):
        plan = plan_gathering(recipe, BANK, 3, index)
        assert all(one.feeling.display(2.5) == 0 for one in plan.actors)
        for one in plan.actors:
            seen[CLASSES[class_of(one.feeling.valence)]].add(one.posture)
    assert seen == {CLASSES[at]: set(some) for at, some in POSTURES.items()}


def test_a_plan_is_read_back_in_its_own_style_and_nonsense_is_refused() -> None:
    for plan in (plan_scene(FLAT, 1, 2), plan_gathering(SynthRecipe(), BANK, 1, 2)):
        assert plan_from_text(json.dumps(plan.to_json())) == plan
    for text in ("", "[]", "{}", '{"actors": 3}', "[" * 5000, json.dumps({"people": None})):
        with pytest.raises(DatasetError, match="expected the plan"):
            plan_from_text(text)


def test_what_is_hidden_is_not_known() -> None:
    plan = plan_gathering(SynthRecipe(mixed_share=1.0, max_contagion=0.0), BANK, 5, 0)
    everybody = np.ones((5, plan.n_people), np.float32)
    assert label_in_view(plan, CLASSES, everybody) == plan.label
    assert label_in_view(plan, CLASSES, 0 * everybody) is None
    happiest = int(np.argmax([one.feeling.valence for one in plan.actors]))
    only = np.zeros_like(everybody)
    only[:, happiest] = 1
    valence = plan.actors[happiest].feeling.valence
    assert label_in_view(plan, CLASSES, only) == CLASSES[0 if valence > 0.3 else 1 if valence >= -0.3 else 2]


def test_a_studio_without_avatars_says_so() -> None:
    studio = Studio(SoundBank(), None)
    with pytest.raises(UsageError, match="no bank"):
        studio.plan(SynthRecipe(style="avatar"), 0, 0)


def test_the_mark_is_in_the_bytes_and_is_told_from_other_comments() -> None:
    frame = np.full((16, 16, 3), 90, np.uint8)
    mark = mark_of("{}")
    assert is_mark(mark)
    assert not is_mark(mark + " by somebody")
    jpeg, flac = encode_jpeg(frame, 90, mark), encode_flac(np.zeros(160, np.float32), mark)
    assert mark.encode() in jpeg
    assert mark.encode() in flac
    assert np.array_equal(decode_jpeg(jpeg), decode_jpeg(encode_jpeg(frame, 90)))
    assert mark.encode() not in encode_jpeg(frame, 90) + encode_flac(np.zeros(160, np.float32))


def test_a_sample_is_rendered_again_from_its_plan(gerdata: Gerdata, tmp_path: Path) -> None:
    assert gerdata("synth", "--recipe", "flat", "--n", 2, "--workspace", tmp_path, "--quiet").code == 0
    (_, name) = sorted({path.split(".")[0] for path in _members(tmp_path / "synth")})
    ran = gerdata("synth", "--replay", name, "--workspace", tmp_path, "--json")
    told = json.loads(ran.out)
    assert ran.code == 0
    assert told["differing"] == []
    assert {path.name for path in (tmp_path / "replay").iterdir()} == {f"{name}.{one}" for one in told["members"]}
    assert gerdata("synth", "--replay", "nobody", "--workspace", tmp_path).code == 2
    asked = ("--replay", tmp_path / "synth" / name, "--out", tmp_path / "film")
    assert gerdata("synth", *asked, "--video", "--dry-run").code == 0
    assert not (tmp_path / "film").exists()
    assert gerdata("synth", *asked, "--video").code == 0
    assert [path.name for path in (tmp_path / "film").iterdir()] == [f"{name}.mp4"]
    with av.open(str(tmp_path / "film" / f"{name}.mp4")) as container:
        assert is_mark(container.metadata["comment"])
        assert container.streams.audio[0].channels == 2
        films = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(films) == 125
    assert films[0].shape == (224, 448, 3)
    scene, truth = films[60][:, :224].astype(int), films[60][:, 224:].astype(int)
    assert truth[:8, :8].mean() == pytest.approx(0.35 * scene[:8, :8].mean(), abs=6)  # dimmed
    assert (truth.max(2) - truth.min(2) > 60).mean() > 0.02  # and drawn over in colours


def test_clips_for_viewing_say_what_they_are_and_are_not_mixed_with_others(gerdata: Gerdata, tmp_path: Path) -> None:
    words = ("--recipe", "flat", "--video", "--set", "duration_s=1.0", "--workspace", tmp_path)
    ran = gerdata("synth", *words, "--n", 2)
    assert ran.code == 0
    assert "nobody in it ever lived" in ran.err
    before = tree(tmp_path / "clips")
    assert sorted(before) == ["labels.csv", "scene-00000.mp4", "scene-00001.mp4"]
    with (tmp_path / "clips/labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        with av.open(str(tmp_path / "clips" / row["file"])) as container:
            assert container.metadata["comment"] == row["mark"] == mark_of(row["plan"])
        assert row["label"] == json.loads(row["plan"])["label"]
        assert row["protection"] == "synthetic"
    assert len({row["group"] for row in rows}) == len({json.loads(row["plan"])["cast"] for row in rows})
    for other in (
        ("--n", 2, "--seed", 4),
        ("--n", 1),
        ("--n", 2, "--set", "frame_px=65"),
        ("--n", 2, "--slice", "1/2"),
    ):
        refused = gerdata("synth", *words, *other)
        assert refused.code in (1, 2)
        assert "Traceback" not in refused.err
    assert tree(tmp_path / "clips") == before
    assert gerdata("synth", *words, "--n", 3, "--quiet").code == 0
    more = tree(tmp_path / "clips")
    assert {name: more[name] for name in before if name.endswith("mp4")} == {
        name: data for name, data in before.items() if name.endswith("mp4")
    }
    assert gerdata("synth", *words, "--n", 2, "--seed", 4, "--overwrite", "--quiet").code == 0
    after = tree(tmp_path / "clips")
    assert sorted(after) == sorted(before)
    assert not set(after.values()) & set(before.values())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/labels.csv").write_text("file,label\nparty.mp4,positive\n")
    refused = gerdata("synth", *words, "--n", 2, "--overwrite", "--out", tmp_path / "mine")
    assert (refused.code, sorted(tree(tmp_path / "mine"))) == (2, ["labels.csv"])  # a user's own table stays
    ran = gerdata(
        "ingest", tmp_path / "clips", "--labels", tmp_path / "clips/labels.csv", "--workspace", tmp_path, "--json"
    )
    assert json.loads(ran.out)["written"] == 2


def _members(dataset: Path) -> list[str]:
    import tarfile

    return [name for part in dataset.glob("parts/*.tar") for name in tarfile.open(part).getnames()]
