"""What holds for every op of the room, and for the room as a whole."""

import dataclasses
import json
import random
import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError
from varied import MASKS, PICTURE, SOUND, draw_sample

from gerdata.augment import AUGMENT_OPS, AugmentPlan, render
from gerdata.augment.mask import mask_features
from gerdata.clip import Sample
from gerdata.errors import RecipeError
from gerdata.privacy.ops import PRIVACY_OPS
from gerdata.recipe import AugmentRecipe, ProtectRecipe, TrainRecipe, load, recipe_names

ALL = (*PICTURE, *SOUND, *MASKS)


def plan_of(op: object) -> AugmentPlan:
    return AugmentPlan(
        picture=(op,) if op in PICTURE else (),  # type: ignore[arg-type]
        sound=(op,) if op in SOUND else (),  # type: ignore[arg-type]
        masks=(op,) if op in MASKS else (),  # type: ignore[arg-type]
    )


def same(one: Sample, other: Sample) -> bool:
    assert one.structure
    assert other.structure
    pairs = [(one.frames, other.frames), (one.audio, other.audio)]
    pairs += [(getattr(one.structure, name), getattr(other.structure, name)) for name in ("heads", "bodies", "faces")]
    return one.clip == other.clip and all(a.tobytes() == b.tobytes() for a, b in pairs)


def test_the_ops_here_are_all_there_are() -> None:
    assert tuple(type(op) for op in ALL) == AUGMENT_OPS
    names = [kind.op for kind in AUGMENT_OPS]
    assert len(set(names)) == len(names)
    drawn = {name.removesuffix("_share") for name in AugmentRecipe.model_fields if name.endswith("_share")}
    assert drawn | {"time_mask", "band_mask"} == set(names), "every op can be asked for, and nothing else"


@pytest.mark.parametrize("op", ALL, ids=lambda op: op.op)
def test_every_op_replays_to_the_same_bytes_keeps_shapes_and_leaves_its_input(op: object, sample: Sample) -> None:
    plan = AugmentPlan.from_json(json.loads(json.dumps(plan_of(op).to_json())))
    assert plan == plan_of(op), "a plan survives JSON"
    before = draw_sample()
    once, again = render(sample, plan), render(sample, plan)
    assert same(sample, before), "the input is not written to"
    assert same(once, again), "the same bytes"
    assert (once.frames.shape, once.audio.shape) == (sample.frames.shape, sample.audio.shape)
    assert once.frames.flags.c_contiguous
    changed = not same(once, sample)
    assert changed == (op not in MASKS), "an op of picture or sound does something, a mask waits for the features"


@pytest.mark.parametrize("op", ALL, ids=lambda op: op.op)
def test_the_generators_of_the_process_are_left_as_they_were(op: object, sample: Sample) -> None:
    random.seed(3)
    np.random.seed(4)
    before = random.getstate(), np.random.get_state()
    once = render(sample, plan_of(op))
    after = random.getstate(), np.random.get_state()
    assert before[0] == after[0]
    assert all(np.array_equal(a, b) for a, b in zip(before[1], after[1], strict=True))
    random.seed(5)
    np.random.seed(6)
    assert same(once, render(sample, plan_of(op))), "nor do they matter"


@pytest.mark.parametrize("op", PICTURE, ids=lambda op: op.op)
def test_a_scene_that_stands_still_goes_on_standing_still(op: object) -> None:
    still = draw_sample()
    still = dataclasses.replace(still, frames=np.repeat(still.frames[:1], 3, axis=0))
    frames = render(still, plan_of(op)).frames
    assert (frames == frames[:1]).all()


@pytest.mark.parametrize("kind", AUGMENT_OPS, ids=lambda kind: kind.op)
def test_no_op_of_augmentation_can_be_named_where_protection_is_meant(kind: type) -> None:
    assert not issubclass(kind, PRIVACY_OPS)
    for field, other in (("frame_op", "voice_op"), ("voice_op", "frame_op")):
        told = {other: "mute" if other == "voice_op" else "remove_heads", field: kind.op}
        with pytest.raises(ValidationError, match=field):
            ProtectRecipe.model_validate(told)
        with pytest.raises(RecipeError, match=field):
            load(ProtectRecipe, "protect", "remove", (f"{field}={kind.op}",))


@pytest.mark.parametrize(
    "wrong",
    [
        {"picture": [{"op": "swirl"}]},
        {"picture": [{"op": "affine", "scale": 1e9}]},
        {"picture": [{"op": "affine", "scale": float("nan")}]},
        {"picture": [{"op": "flip", "path": "/etc/passwd"}]},
        {"sound": [{"op": "flip"}]},
        {"sound": [{"op": "room", "room": {"size_m": [1e6, 3, 3], "source": [0.5] * 3, "microphone": [0.4] * 3}}]},
        {"masks": [{"op": "time_mask", "start": 0.1, "width": 2}]},
        {"drop": "both"},
        {"more": []},
    ],
)
def test_a_plan_from_elsewhere_is_closed_and_bounded(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AugmentPlan.from_json(wrong)


def test_a_dropped_sense_is_gone_and_the_clip_says_so(sample: Sample) -> None:
    blind = render(sample, AugmentPlan(drop="video"))
    assert not blind.frames.any()
    assert blind.structure is None
    assert (blind.clip.has_video, blind.clip.has_audio) == (False, True)
    deaf = render(sample, AugmentPlan(drop="audio"))
    assert not deaf.audio.any()
    assert (deaf.clip.has_video, deaf.clip.has_audio) == (True, False)
    assert same(dataclasses.replace(deaf, clip=sample.clip, audio=sample.audio), sample)


def test_a_clip_without_sound_stays_silent(sample: Sample) -> None:
    silent = dataclasses.replace(
        sample, clip=dataclasses.replace(sample.clip, has_audio=False), audio=np.zeros(4000, np.float32)
    )
    assert not render(silent, AugmentPlan(sound=SOUND)).audio.any()


def test_masks_cover_their_share_with_the_mean_and_nothing_else() -> None:
    features = np.random.default_rng(0).standard_normal((2, 16, 10)).astype(np.float32)
    before = features.copy()
    masked = mask_features(features, MASKS)
    assert (features == before).all()
    changed = masked != features  # [2 segments, 16 bands, 10 columns]
    in_time = np.zeros(20, bool)
    in_time[6:10] = True  # 0.3 to 0.5 of 2 * 10 columns
    in_band = np.zeros(16, bool)
    in_band[8:12] = True  # 0.5 to 0.75 of 16
    wanted = in_time.reshape(2, 1, 10) | in_band[:, None]
    assert (changed == wanted).all()
    assert np.allclose(masked[changed], features.mean())
    assert mask_features(features[:, :, :0], MASKS).shape == (2, 16, 0)


def test_a_train_recipe_keeps_what_a_name_stood_for() -> None:
    by_name = load(TrainRecipe, "train", "cross-attention-tiny", ("augment=strong",))
    assert by_name.augment == load(AugmentRecipe, "augment", "strong")
    as_table = load(TrainRecipe, "train", "cross-attention-tiny", ("augment={flip_share=0.5}",))
    assert (as_table.augment.flip_share, as_table.augment.gain_share) == (0.5, 0)
    assert load(AugmentRecipe, "augment", "none") == TrainRecipe().augment
    assert recipe_names("augment") == ["light", "none", "spec-augment", "strong"]
    for wrong, complaint in (
        ("augment=weird", "there are light, none"),
        ("augment=../augment/strong.toml", "no augment recipe"),
        ("augment={swirl=1}", "known keys: flip_share"),
        ("augment={min_snr_db=50.0}", "min_snr_db is over"),
    ):
        with pytest.raises(RecipeError, match=complaint):
            load(TrainRecipe, "train", "cross-attention-tiny", (wrong,))


def test_the_room_is_entered_without_heavy_libraries_and_used_without_the_network() -> None:
    light = (
        "import sys, gerdata.augment; "
        "print(sorted({'albumentations','audiomentations','torch','scipy','cv2','librosa'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", light], capture_output=True, text=True).stdout.strip() == "[]"
    offline = (
        "import socket\n"
        "def refuse(*a, **k): raise SystemExit('asked the network')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from gerdata.augment.picture import load_albumentations\n"
        "load_albumentations(); print('quiet')"
    )
    assert subprocess.run([sys.executable, "-c", offline], capture_output=True, text=True).stdout.strip() == "quiet"
