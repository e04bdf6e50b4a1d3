"""Avatars: the same bytes, exact points, and silence about feelings wherever the face is not."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from gerdata.chance import rng_for
from gerdata.errors import MissingError
from gerdata.store.assets import load_asset
from gerdata.synth.asset import AVATAR
from gerdata.synth.expression import FEELINGS, RECIPES, UNITS, Expression, draw_expression
from gerdata.synth.figure import Figure, build_figure, express, stand
from gerdata.synth.landmark import MIRROR
from gerdata.synth.light import Light
from gerdata.synth.mesh import Mesh, load_mesh
from gerdata.synth.mip import COCO_MIRROR, mirrored, shrunk
from gerdata.synth.posture import POSTURES, POSTURES_OF, Stance
from gerdata.synth.sprite import Sprite, canvas_of, joined, paint, render, window_of
from gerdata.synth.traits import STYLES, Traits, draw_traits

LIGHT = Light()
MOUTH_CORNERS, OUTER_EYES = (48, 54), (36, 45)


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    try:
        return load_mesh()
    except MissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def figures(mesh: Mesh) -> list[Figure]:
    return [build_figure(mesh, draw_traits(3, person, mesh)) for person in range(4)]


def without_cover(traits: Traits) -> Traits:
    return replace(traits, style="buzz", glasses="none", beard="none")


def eye_distance(sprite: Sprite) -> float:
    return float(np.linalg.norm(sprite.face[OUTER_EYES[0], :2] - sprite.face[OUTER_EYES[1], :2]))


class TestTraits:
    def test_a_person_is_the_same_whoever_else_is_drawn(self, mesh: Mesh) -> None:
        assert draw_traits(5, 7, mesh) == draw_traits(5, 7, mesh)
        assert draw_traits(5, 7, mesh) != draw_traits(6, 7, mesh)

    def test_they_survive_json(self, mesh: Mesh) -> None:
        import json

        for person in range(20):
            traits = draw_traits(1, person, mesh)
            assert Traits.from_json(json.loads(json.dumps(traits.to_json()))) == traits

    def test_skin_goes_with_neither_age_nor_sex_nor_shape(self, mesh: Mesh) -> None:
        """Correlations of 400 people: independent ones exceed .13 once in a hundred times."""
        people = [draw_traits(2, person, mesh) for person in range(400)]
        numbers = np.array([(p.tone, p.sex, p.old, *p.ancestry[:2], p.weight, float(p.sleeve)) for p in people])
        assert np.abs(np.corrcoef(numbers.T)[0, 1:]).max() < 0.13
        assert {p.style for p in people} == {name for name, _, _ in STYLES}
        assert np.histogram(numbers[:, 0], 4, (0, 1))[0].min() > 60

    def test_no_child_has_a_beard(self, mesh: Mesh) -> None:
        people = [draw_traits(4, person, mesh) for person in range(200)]
        assert sum(p.child > 0 for p in people) > 10
        assert not [p for p in people if p.child > 0 and p.beard != "none"]


class TestExpressions:
    def test_every_face_unit_is_in_the_mesh(self, mesh: Mesh) -> None:
        for name in itertools.chain.from_iterable(UNITS.values()):
            assert f"unit/{name}" in mesh.targets or {f"unit/{name}Left", f"unit/{name}Right"} <= set(mesh.targets)
        assert {unit for recipes in RECIPES.values() for one in recipes.values() for unit in one} <= set(UNITS)

    def test_intensity_0_is_nothing_and_more_is_bounded(self) -> None:
        for feeling in FEELINGS:
            drawn = draw_expression(rng_for(0, feeling), feeling)
            assert drawn.at(0) == {}
            assert max(drawn.at(1.3).values()) <= 1.3
        with pytest.raises(ValueError, match=r"expected 0 to 1\.3"):
            drawn.at(-0.1)

    def test_a_neutral_face_hardly_moves(self) -> None:
        for i in range(50):
            assert max(draw_expression(rng_for(i, "neutral"), "neutral").at(1).values()) < 0.15

    @pytest.mark.parametrize(
        ("units", "points", "axis", "sign", "least"),
        [
            ({12: 1.0}, MOUTH_CORNERS, 1, -1, 0.04),  # corners up
            ({15: 1.0}, MOUTH_CORNERS, 1, 1, 0.03),  # corners down
            ({1: 1.0, 2: 1.0}, (19, 20, 21, 22, 23, 24), 1, -1, 0.03),  # brows up
            ({4: 1.0}, (20, 21, 22, 23), 1, 1, 0.03),  # brows down
            ({26: 1.0}, (8, 57), 1, 1, 0.08),  # jaw down
        ],
    )
    def test_units_move_what_they_are_named_for(
        self,
        figures: list[Figure],
        units: dict[int, float],
        points: tuple[int, ...],
        axis: int,
        sign: int,
        least: float,
    ) -> None:
        """By shares of the distance between the outer corners of the eyes."""
        for figure in figures:
            calm = render(figure, Stance("stand"), {}, "bust", LIGHT)
            moved = render(figure, Stance("stand"), units, "bust", LIGHT)
            change = (moved.face - calm.face)[list(points), axis].mean() * sign / eye_distance(calm)
            assert change > least


class TestSprites:
    @pytest.mark.parametrize("view", ["whole", "bust"])
    def test_rendered_twice_they_are_the_same_bytes(self, figures: list[Figure], view: str) -> None:
        first, again = (render(figures[0], Stance("clap", 0.2), {12: 1.0}, view, LIGHT) for _ in range(2))
        assert first.rgba.tobytes() == again.rgba.tobytes()
        assert first.face.tobytes() == again.face.tobytes()

    @pytest.mark.parametrize("posture", sorted(POSTURES))
    def test_pixels_are_premultiplied_and_numbers_are_finite(self, figures: list[Figure], posture: str) -> None:
        sprite = render(figures[len(posture) % 4], Stance(posture, -0.3), {4: 1.0, 15: 1.0}, "whole", LIGHT)
        assert sprite.rgba.dtype == np.uint8
        assert (sprite.rgba[..., :3] <= sprite.rgba[..., 3:]).all()
        for array in (sprite.face, sprite.body, sprite.face_box, sprite.head_box, sprite.anchor):
            assert np.isfinite(array).all()
        assert 0.02 < (sprite.rgba[..., 3] == 255).mean() < 0.9
        border = np.concatenate([sprite.rgba[[0, -1]].reshape(-1, 4), sprite.rgba[:, [0, -1]].reshape(-1, 4)])
        assert not border.any(), "nobody is cut off"

    @pytest.mark.parametrize("yaw", [-0.3, 0.0, 0.3])
    def test_points_lie_on_the_person_and_in_the_boxes(self, figures: list[Figure], yaw: float) -> None:
        for figure in figures:
            sprite = render(figure, Stance("stand", yaw), {}, "bust", LIGHT)
            places = np.round(sprite.face[:, :2] - 0.5).astype(int)
            inner = sprite.face[17:, :2]
            assert (sprite.rgba[places[17:, 1], places[17:, 0], 3] > 0).all()
            face, head = sprite.face_box, sprite.head_box
            assert (inner >= face[:2] - 1).all()
            assert (inner <= face[2:] + 1).all()
            assert (head[:2] <= face[:2] + 1).all()
            assert (head[2:] >= face[2:] - 1).all()
            assert sprite.body[1, 0] > sprite.body[2, 0], "the left eye is right in the picture"
            assert sprite.body[0, 1] < sprite.body[5, 1] < sprite.body[11, 1], "nose, shoulder, hip"

    def test_a_hand_before_the_face_hides_points_and_hair_hides_ears(self, mesh: Mesh, figures: list[Figure]) -> None:
        figure = build_figure(mesh, without_cover(figures[0].traits))
        plain = render(figure, Stance("stand"), {}, "whole", LIGHT)
        covered = render(figure, Stance("hand-to-face"), {}, "whole", LIGHT)
        assert (plain.face[17:, 2] == 2).mean() > 0.9
        assert (covered.face[17:, 2] == 1).sum() >= (plain.face[17:, 2] == 1).sum() + 5
        long = build_figure(mesh, replace(figure.traits, style="long"))
        assert render(long, Stance("stand"), {}, "whole", LIGHT).body[3:5, 2].tolist() == [1, 1]
        assert plain.body[3:5, 2].tolist() == [2, 2]

    def test_turning_the_other_way_is_nearly_the_mirror(self, mesh: Mesh, figures: list[Figure]) -> None:
        """For somebody whose shape is even: points within 3 % of the distance of the eyes."""
        even = replace(without_cover(figures[1].traits), shape=(), lean=0.0)
        figure = build_figure(mesh, even)
        left = render(figure, Stance("stand", -0.3), {12: 0.8}, "bust", LIGHT)
        right = mirrored(render(figure, Stance("stand", 0.3), {12: 0.8}, "bust", LIGHT))
        apart = (left.face - left.face[30])[:, :2] - (right.face - right.face[30])[:, :2]
        assert np.abs(apart).max() / eye_distance(left) < 0.03
        turned = left.face[30, 0] - left.face[[36, 45], 0].mean()
        assert turned < -0.05 * eye_distance(left), "at a negative yaw the nose points left"

    def test_a_darker_skin_is_darker_and_nothing_clips(self, mesh: Mesh, figures: list[Figure]) -> None:
        levels = []
        for skin in ("e6c5b0", "aa7650", "4b3224"):
            figure = build_figure(mesh, replace(without_cover(figures[0].traits), skin=skin, lip_amount=0.0))
            sprite = render(figure, Stance("stand"), {}, "bust", Light(0.3, 0.4, 1.0, 0.95, 0.5, 0.0))
            x0, y0, x1, y1 = sprite.face_box.astype(int)
            pixels = sprite.rgba[y0:y1, x0:x1].reshape(-1, 4)
            levels.append(pixels[pixels[:, 3] == 255, :3].mean())
            assert (pixels[:, :3] == 255).all(1).mean() < 0.01
        assert levels[0] > levels[1] + 30 > levels[2] + 50


class TestSilence:
    @pytest.mark.parametrize("posture", ["stand", "sit", "crossed", "hand-to-face"])
    @pytest.mark.parametrize("view", ["whole", "bust"])
    def test_outside_the_window_no_pixel_knows_a_feeling(self, figures: list[Figure], posture: str, view: str) -> None:
        rest = stand(figures[2], Stance(posture, 0.25))
        canvas = canvas_of(rest, view)
        full = (0, 0, canvas.width, canvas.height)
        calm, _ = paint(rest, canvas, full, LIGHT)
        for feeling in ("positive", "negative"):
            posed = express(rest, draw_expression(rng_for(1, feeling, posture), feeling).at(1.0))
            shown, _ = paint(posed, canvas, full, LIGHT)
            window = joined(window_of(rest, canvas), window_of(posed, canvas))
            patch, _ = paint(posed, canvas, window, LIGHT)
            x0, y0, x1, y1 = window
            assert (shown != calm).any()
            together = calm.copy()
            together[y0:y1, x0:x1] = patch
            assert together.tobytes() == shown.tobytes(), "a patch over the resting picture is the whole picture"

    def test_at_intensity_0_every_feeling_is_the_same_picture(self, figures: list[Figure]) -> None:
        shown = {
            render(
                figures[0], Stance("stand"), draw_expression(rng_for(0, one), one).at(0), "whole", LIGHT
            ).rgba.tobytes()
            for one in FEELINGS
        }
        assert len(shown) == 1

    def test_three_postures_are_shared_by_all_feelings(self) -> None:
        shared = set.intersection(*(set(names) for names in POSTURES_OF.values()))
        assert shared == {"stand", "sit", "crossed"}
        assert set(itertools.chain.from_iterable(POSTURES_OF.values())) == set(POSTURES)


class TestSmaller:
    def test_points_follow_pixels(self, figures: list[Figure]) -> None:
        sprite = render(figures[3], Stance("stand"), {}, "bust", LIGHT)
        half = shrunk(sprite, 0.5)
        assert abs(half.scale / sprite.scale - 0.5) < 0.01
        assert np.abs(half.face[:, :2] * 2 - sprite.face[:, :2]).max() < 1.5
        assert (half.rgba[..., :3] <= half.rgba[..., 3:]).all()

    def test_a_mirror_undoes_itself(self, figures: list[Figure]) -> None:
        sprite = render(figures[3], Stance("wave", 0.2), {12: 1.0}, "whole", LIGHT)
        back = mirrored(mirrored(sprite))
        assert back.rgba.tobytes() == sprite.rgba.tobytes()
        assert np.abs(back.face - sprite.face).max() < 1e-3
        assert np.abs(back.head_box - sprite.head_box).max() < 1e-3
        assert [MIRROR[i] for i in MIRROR] == list(range(68))
        assert [COCO_MIRROR[i] for i in COCO_MIRROR] == list(range(17))


def test_without_the_mesh_the_line_to_run_is_said(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GERDATA_MODELS", str(tmp_path))
    with pytest.raises(MissingError, match="run: gerdata models pull avatar"):
        load_asset(AVATAR)


def test_an_expression_is_plain_data() -> None:
    assert Expression("smile", ((12, 0.9),)) == Expression("smile", ((12, 0.9),))
