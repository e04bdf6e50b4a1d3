"""Chance: the same name gives the same stream, another name another."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gerdata.chance import digest_of, rng_for

names = st.lists(st.one_of(st.text(max_size=5), st.integers(-5, 5)), max_size=4)


@given(st.integers(0, 3), names, st.integers(0, 3), names)
def test_streams_are_equal_exactly_when_their_names_are(seed: int, a: list, other: int, b: list) -> None:
    same = (seed, a) == (other, b) and [type(x) for x in a] == [type(x) for x in b]
    assert (digest_of(seed, *a) == digest_of(other, *b)) == same
    assert (rng_for(seed, *a).bytes(16) == rng_for(other, *b).bytes(16)) == same


def test_streams_never_change_between_versions() -> None:
    """Frozen: a change here changes every dataset that was ever made."""
    assert digest_of(7, "split", "abc").hex()[:16] == "0e698d2b00570021"
    assert rng_for(0, "x").integers(0, 2**32, 3).tolist() == [28021116, 3134883868, 3135540480]


def test_global_generators_are_left_alone() -> None:
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    rng_for(1, "a").random(100)
    assert (np.random.get_state()[1] == before).all()
