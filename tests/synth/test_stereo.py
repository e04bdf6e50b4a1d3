"""A sound comes from the side on which who makes it is seen, at the power it had."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gerdata.media.audio import decode_audio, encode_flac
from gerdata.recipe import SynthRecipe, load
from gerdata.synth.mixture import HEADROOM, render_audio, render_stems
from gerdata.synth.scene import plan_scene
from gerdata.synth.stereo import WIDEST, gains_of, places_of, spread

FLAT = load(SynthRecipe, "synth", "flat")


@given(st.floats(-1, 2))
def test_power_is_the_same_at_every_place_and_the_middle_is_mono(place: float) -> None:
    left, right = gains_of(place)
    assert left**2 + right**2 == pytest.approx(2)
    assert gains_of(0.5) == pytest.approx((1, 1))
    assert (left > right) == (place < 0.5) or left == pytest.approx(right)
    assert min(left, right) >= np.sqrt(2) * np.cos((1 + WIDEST) * np.pi / 4) - 1e-9


def test_with_everybody_in_the_middle_both_channels_are_the_mono_mixture() -> None:
    plan = plan_scene(FLAT, 0, 3)
    mixture = render_stems(plan)
    both = spread(plan, mixture, np.full(len(plan.people), 0.5))
    for channel in both:
        np.testing.assert_allclose(channel, render_audio(plan), atol=1e-5)


def test_an_event_is_louder_on_the_side_of_who_makes_it() -> None:
    """Over 20 scenes: everybody at one edge, then at the other, and the difference of levels is that of the gains."""
    compared = 0
    for number in range(20):
        plan = plan_scene(FLAT, 0, number)
        mixture = render_stems(plan)
        if not any(event.who >= 0 for event in plan.events):
            continue
        for place, loud in ((0.0, 0), (1.0, 1)):
            both = spread(plan, mixture, np.full(len(plan.people), place))
            own = both - mixture.bed  # the bed is in the middle, but for what the guard turned down
            assert np.abs(both).max() <= HEADROOM
            if np.abs(both).max() < HEADROOM and all(event.who >= 0 for event in plan.events):
                powers = (own**2).sum(1)
                wanted = (gains_of(0.0)[0] / gains_of(0.0)[1]) ** 2
                assert powers[loud] / powers[1 - loud] == pytest.approx(wanted, rel=1e-3)
                compared += 1
    assert compared >= 4


def test_places_are_those_of_heads_in_view() -> None:
    heads = np.full((2, 3, 4), np.nan, np.float32)
    heads[0, 0], heads[1, 0] = (0, 0, 20, 20), (20, 0, 40, 20)
    heads[1, 1] = (180, 5, 200, 30)
    np.testing.assert_allclose(places_of(heads, 200), [0.1, 0.95, np.nan])
    assert places_of(np.zeros((4, 0, 4), np.float32), 200).shape == (0,)


def test_a_sample_stays_mono() -> None:
    assert decode_audio(encode_flac(render_audio(plan_scene(FLAT, 0, 0)))).ndim == 1
