"""What members a release has, whatever the order of its parents."""

import itertools

import pytest

from gerdata.manifest import Header
from gerdata.shards.parents import members_of
from gerdata.store.members import suffixes

PARENTS = {
    "plain": suffixes(2, has_structure=False),
    "pose": suffixes(2, has_structure=False, has_limbs=True),
    "synth": suffixes(2, has_structure=True),
}


@pytest.mark.parametrize(
    ("names", "last"),
    [
        (("synth",), "structure.npz"),
        (("synth", "synth"), "structure.npz"),
        (("pose",), "limbs.npz"),
        (("pose", "synth"), "limbs.npz"),
        (("plain", "synth"), "json"),
        (("plain", "pose"), "json"),
        (("plain", "pose", "synth"), "json"),
    ],
)
def test_one_form_for_all_parents(names: tuple[str, ...], last: str) -> None:
    """Structure of synthetic people becomes maps beside maps of real ones; it never stays beside real people."""
    for order in itertools.permutations(names):
        headers = [Header.model_construct(members=PARENTS[name]) for name in order]
        assert members_of(headers)[:4] == ("f00.jpg", "f01.jpg", "flac", "json")
        assert members_of(headers)[-1] == last
