"""What members a release has, whatever the order of its parents."""

import itertools
from pathlib import Path

import pytest
from making import KEY

from gerdata.clip import Clip
from gerdata.manifest import Header
from gerdata.shards.choose import Chosen
from gerdata.shards.names import LABELS, renamed
from gerdata.shards.parents import members_of
from gerdata.store.members import suffixes
from gerdata.store.private import Private

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


def test_groups_are_renamed_together_or_dropped_and_labels_kept_back() -> None:
    private = Private(Path("private"), KEY)
    pair = [Chosen(Clip(name, "event", "neutral", "train", 1.0), 0, "parts/00000.tar", (0,), (1,)) for name in "ab"]

    def told(release: str = "r", drop: bool = False, hide: bool = False) -> list[dict[str, object]]:
        items = [renamed(one, release, private, drop_groups=drop, hide_labels=hide) for one in pair]
        return [item.payload["clip"] for item in items]

    assert len({one["group"] for one in told()}) == 1
    assert len({one["group"] for one in told(drop=True)}) == 2
    names = [
        {str(one[key]) for one in told(release, drop)}
        for release in "rs"
        for drop in (False, True)
        for key in ("group",)
    ]
    assert len(set.union(*names)) == 6
    assert {one["id"] for one in told()}.isdisjoint({one["id"] for one in told("s")})
    assert all(one[name] is None for one in told(hide=True) for name in LABELS)
    assert told()[0]["label"] == "neutral"
