"""A bank: the same bytes for any number of workers, read back as it was drawn, refused where it is another."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gerdata.errors import DatasetError, FingerprintError, MissingError, UsageError
from gerdata.synth.bank import Bank, build_bank, open_bank
from gerdata.synth.figure import build_figure
from gerdata.synth.mesh import load_mesh
from gerdata.synth.repertoire import BankPlan, Shot, expression_of, nearest_shot, shots_of, stance_of
from gerdata.synth.sprite import PX_PER_DM, render

PLAN = BankPlan(seed=9, n_people=2, cast_size=1, yaws=(0.2,), intensities=(0.0, 1.0))


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    try:
        return build_bank(PLAN, tmp_path_factory.mktemp("bank") / "one", workers=1)
    except MissingError as missing:
        pytest.skip(str(missing))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


class TestPlan:
    def test_json_and_casts(self) -> None:
        plan = BankPlan(seed=4, n_people=10, cast_size=4)
        assert BankPlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
        assert plan.casts() == ((0, 1, 2, 3), (4, 5, 6, 7), (8, 9))
        assert [plan.cast_of(person) for person in range(10)] == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
        assert plan.light(0) != plan.light(1)
        assert plan.fingerprint() != BankPlan(seed=5, n_people=10, cast_size=4).fingerprint()

    def test_a_bank_of_heads_holds_busts_that_stand_at_every_yaw_and_leaves_other_plans_their_names(self) -> None:
        plan = BankPlan(seed=4, n_people=2, cast_size=2, yaws=(-0.5, 0.0, 0.5), of="heads")
        assert BankPlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
        assert {(shot.view, shot.posture) for shot in shots_of(plan)} == {("bust", "stand")}
        assert {shot.yaw for shot in shots_of(plan)} == {-0.5, 0.0, 0.5}
        assert nearest_shot(plan, Shot("bust", "stand", 0.4, "positive", 0.9)).yaw == 0.5
        with pytest.raises(UsageError, match="this bank is of heads"):
            nearest_shot(plan, Shot("whole", "stand", 0.4, "positive", 0.9))
        assert "of" not in BankPlan().to_json()

    @pytest.mark.parametrize(
        "bad",
        [
            {"of": "hands"},
            {"n_people": 0},
            {"n_people": 4, "cast_size": 5},
            {"yaws": ()},
            {"yaws": (0.1, 0.1)},
            {"yaws": (2.0,)},
            {"intensities": (0.0,)},
            {"intensities": (0.5, 1.0)},
            {"intensities": (0.0, 2.0)},
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, bad: dict[str, object]) -> None:
        with pytest.raises(UsageError, match="expected"):
            BankPlan(**bad)  # type: ignore[arg-type]

    def test_shots_are_all_different_and_every_wish_has_one(self) -> None:
        shots = shots_of(BankPlan())
        assert len(set(shots)) == len(shots) == 108
        for view in ("whole", "bust"):
            for feeling in ("positive", "neutral", "negative"):
                for intensity in (0.0, 0.2, 0.3, 0.8, 1.2):
                    for posture in ("stand", "cheer", "argue"):
                        assert nearest_shot(BankPlan(), Shot(view, posture, 0.05, feeling, intensity)) in shots
        assert nearest_shot(BankPlan(), Shot("bust", "cheer", 0.0, "negative", 1.0)).intensity == 0
        with pytest.raises(UsageError, match="no avatar has a shot"):
            nearest_shot(BankPlan(), Shot("bust", "dance", 0.0, "negative", 1.0))

    def test_a_stance_knows_no_feeling_and_an_expression_knows_no_yaw(self) -> None:
        assert stance_of(PLAN, 1, "stand", 0.2) == stance_of(PLAN, 1, "stand", 0.2)
        assert stance_of(PLAN, 1, "stand", 0.2) != stance_of(PLAN, 0, "stand", 0.2)
        assert expression_of(PLAN, 0, "sit", "positive") == expression_of(PLAN, 0, "sit", "positive")


def test_two_workers_draw_the_same_bytes_as_one(bank: Bank, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    build_bank(PLAN, tmp_path / "two", workers=2, progress=lambda done, n: told.append((done, n)))
    assert files(tmp_path / "two") == files(bank.folder)
    assert told == [(1, 2), (2, 2)]


def test_a_build_that_was_killed_is_gone_on_with(bank: Bank, tmp_path: Path) -> None:
    shutil.copytree(bank.folder, tmp_path / "bank")
    (tmp_path / "bank/bank.json").unlink()
    with pytest.raises(DatasetError, match="no finished bank"):
        open_bank(tmp_path / "bank")
    build_bank(PLAN, tmp_path / "bank", progress=lambda done, n: pytest.fail("nothing was missing"))
    assert files(tmp_path / "bank") == files(bank.folder)


def test_what_is_read_is_what_is_drawn(bank: Bank) -> None:
    figure = build_figure(load_mesh(), bank.people[1])
    for shot in bank.shots()[:6]:
        stance = stance_of(PLAN, 1, shot.posture, shot.yaw)
        drawn = render(figure, stance, bank.amounts(1, shot), shot.view, bank.light(1))
        read = bank.sprite(1, shot)
        assert read.rgba.tobytes() == drawn.rgba.tobytes()
        assert np.array_equal(read.face, drawn.face)
        assert np.array_equal(read.body, drawn.body)
        assert np.array_equal(read.head_box, drawn.head_box)


def test_mips_shrink_and_the_one_asked_for_is_never_too_small(bank: Bank) -> None:
    shot = Shot("bust", "stand", 0.2, "positive", 1.0)
    scales = [bank.sprite(0, shot, mip).scale for mip in range(5)]
    assert scales[0] == PX_PER_DM["bust"]
    assert np.allclose(np.array(scales) / scales[0], 2 ** (-np.arange(5) / 2), rtol=0.02)
    for wanted in (33.9, 24.0, 20.0, 9.0):
        assert wanted * 0.98 <= bank.sprite_at(0, shot, wanted).scale < wanted * 1.45
    assert bank.sprite(0, shot, 1) is bank.sprite(0, shot, 1)
    with pytest.raises(ValueError, match="read-only"):
        bank.sprite(0, shot).rgba[0, 0] = 1


def test_feelings_differ_in_the_face_alone(bank: Bank) -> None:
    calm = bank.sprite(0, Shot("whole", "stand", 0.2, "neutral", 0.0))
    glad = bank.sprite(0, Shot("whole", "stand", 0.2, "positive", 1.0))
    changed = np.nonzero((calm.rgba != glad.rgba).any(-1))
    x0, y0, x1, y1 = calm.head_box
    assert len(changed[0]) > 20
    assert changed[1].min() >= x0 - 2
    assert changed[1].max() <= x1 + 2
    assert changed[0].max() <= y1 + 0.45 * (y1 - y0), "no lower than the neck"


@pytest.mark.parametrize("change", ["flipped", "gone"])
def test_a_changed_person_is_refused(bank: Bank, tmp_path: Path, change: str) -> None:
    shutil.copytree(bank.folder, tmp_path / "bank")
    path = tmp_path / "bank/person-0001.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    if change == "gone":
        path.unlink()
    opened = open_bank(tmp_path / "bank")
    assert opened.sprite(0, opened.shots()[0]).rgba.any()
    with pytest.raises(DatasetError, match="build the bank again"):
        opened.sprite(1, opened.shots()[0])


def test_another_plan_in_the_folder_is_refused(bank: Bank) -> None:
    with pytest.raises(FingerprintError, match="another plan"):
        build_bank(BankPlan(seed=10, n_people=2, cast_size=1), bank.folder)


@pytest.mark.parametrize(
    "header", ["{}", "[]", "not json", '{"plan": {"n_people": "x"}, "sha256": [], "fingerprint": ""}']
)
def test_a_header_that_is_none_is_one_sentence(tmp_path: Path, header: str) -> None:
    (tmp_path / "bank.json").write_text(header)
    with pytest.raises(DatasetError):
        open_bank(tmp_path)
