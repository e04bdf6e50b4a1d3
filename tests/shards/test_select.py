"""Choosing: every clip is taken or counted with a reason, bounds hold, and no split shares an asset."""

import dataclasses
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.clip import Clip, Quality
from gerdata.errors import UsageError
from gerdata.manifest import LEFT_OUT
from gerdata.recipe import ShardRecipe, Terms
from gerdata.shards.choose import Chosen
from gerdata.shards.select import reason_against, select

LABELS = ("positive", "neutral", "negative")
OPEN = Terms(of="protected", source="a corpus", licence="CC-BY-4.0")


def clip(number: int = 0, **told: object) -> Clip:
    plain = Clip(f"c{number:04d}", f"g{number % 7}", LABELS[number % 3], "train", 1.0, n_people=4)
    return dataclasses.replace(plain, **told)


def one(number: int = 0, parent: int = 0, **told: object) -> Chosen:
    return Chosen(clip(number, **told), parent, "parts/00000.tar", (0,), (1,))


@pytest.mark.parametrize(
    ("recipe", "told", "reason"),
    [
        ({"kind": "real"}, {"is_synthetic": True}, "kind"),
        ({"kind": "synthetic"}, {}, "kind"),
        ({"require_label": True}, {"label": None}, "unlabelled"),
        ({"exclude_individual": True}, {"is_individual": True}, "individual"),
        ({"min_people": 5}, {}, "min-people"),
        ({"min_people": 1}, {"n_people": None}, "min-people"),
        ({"exclude_flags": ("hdr",)}, {"flags": ("rotated", "hdr")}, "flag"),
        ({"max_black_share": 0.2}, {}, "not-measured"),
        ({"max_black_share": 0.2}, {"is_synthetic": True}, None),
        ({"max_black_share": 0.2}, {"quality": Quality(black_share=0.3)}, "quality"),
        ({"max_black_share": 0.3}, {"quality": Quality(black_share=0.3)}, None),
        ({"min_sharpness": 5}, {"quality": Quality(sharpness=4)}, "quality"),
        ({"min_loudness_lufs": -30}, {"quality": Quality(loudness_lufs=-33)}, "quality"),
        ({"licences": ("MIT",)}, {}, "licence"),
        ({"licences": ("CC-BY-4.0",)}, {}, None),
        ({"use": "commercial"}, {}, None),
        ({}, {"label": None, "n_people": None}, None),
    ],
)
def test_each_filter_has_its_reason(recipe: dict[str, object], told: dict[str, object], reason: str | None) -> None:
    assert reason_against(clip(**told), OPEN, ShardRecipe(**recipe)) == reason
    assert reason is None or reason in LEFT_OUT


def test_bounds_hold_against_what_is_known_of_sources_which_no_row_is_told() -> None:
    pool = [one(number) for number in range(3)]
    known = {"c0000": Quality(black_share=0.1), "c0001": Quality(black_share=0.5), "else": Quality(black_share=0.0)}
    selected = select(pool, ShardRecipe(max_black_share=0.2), {}, 0, measured=known)
    assert selected.chosen == [pool[0]]
    assert selected.chosen[0].clip.quality is None
    assert selected.left_out == {"quality": 1, "not-measured": 1}


def test_what_terms_exclude_and_what_nobody_licensed() -> None:
    research = Terms(of="protected", source="a corpus", licence="EULA", excludes=("commercial",))
    assert reason_against(clip(), research, ShardRecipe(use="commercial")) == "excluded-use"
    assert reason_against(clip(), None, ShardRecipe(licences=("EULA",))) == "licence"
    drawn = clip(is_synthetic=True, protection="synthetic")
    assert reason_against(drawn, None, ShardRecipe(licences=("EULA",))) is None
    pictures = clip(is_synthetic=True, plan=json.dumps({"licences": ["CC0-1.0", "all rights reserved"]}))
    assert reason_against(pictures, None, ShardRecipe(licences=("CC0-1.0",))) == "licence"
    photo = clip(is_synthetic=True, plan=json.dumps({"photo": {"bank": "b", "number": 3}}))
    assert reason_against(photo, None, ShardRecipe(licences=("CC0-1.0",))) == "licence"
    cut = clip(is_synthetic=True, protection="collage of given pictures (not obfuscated)")
    assert reason_against(cut, None, ShardRecipe(licences=("CC0-1.0",))) == "licence"


def test_media_that_may_not_pass_on_are_refused_unless_they_stay() -> None:
    bound = {0: Terms(of="protected", source="a corpus", licence="EULA", passes_media=False)}
    with pytest.raises(UsageError, match="--media-free"):
        select([one()], ShardRecipe(), bound, 0)
    assert len(select([one()], ShardRecipe(), bound, 0, is_free=True).chosen) == 1


def test_a_flag_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="blurry is no flag"):
        select([one()], ShardRecipe(exclude_flags=("blurry",)), {}, 0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from((*LABELS, None)), st.sampled_from(("train", "validation", "test")), st.integers(0, 8)
        ),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from(("none", "downsample")),
    st.one_of(st.none(), st.integers(1, 4)),
    st.one_of(st.none(), st.integers(1, 8)),
    st.integers(0, 3),
)
def test_every_sample_is_chosen_or_counted(
    clips: list[tuple[str | None, str, int]], balance: str, cap: int | None, least: int | None, seed: int
) -> None:
    recipe = ShardRecipe(balance=balance, max_per_group=cap, min_people=least, synthetic_rate=0.0)
    pool = [one(i, label=label, split=split, n_people=n) for i, (label, split, n) in enumerate(clips)]
    selected = select(pool, recipe, {}, seed)
    assert len(selected.chosen) + sum(selected.left_out.values()) == len(pool)
    assert set(selected.left_out) <= set(LEFT_OUT)
    again = select(pool[::-1], recipe, {}, seed)
    assert {c.clip.id for c in again.chosen} == {c.clip.id for c in selected.chosen}
    assert again.left_out == selected.left_out
    if cap is not None:
        assert max(Counter(c.clip.group for c in selected.chosen).values(), default=0) <= cap
    train = Counter(c.clip.label for c in selected.chosen if c.clip.split == "train" and c.clip.label)
    assert balance == "none" or len(set(train.values())) <= 1
    others = [c for c in pool if c.clip.split != "train" and (least is None or c.clip.n_people >= least)]
    assert cap is not None or sum(c.clip.split != "train" for c in selected.chosen) == len(others)


def test_casts_that_share_a_photograph_or_a_room_are_in_one_split() -> None:
    def scene(number: int) -> Chosen:
        cast = number // 2
        plan = {"bank": {"seed": 0}, "cast": cast, "room": {"seed": cast}, "photo": {"bank": "b", "number": cast // 3}}
        told = {"group": f"cast{cast}", "split": None, "is_synthetic": True, "plan": json.dumps(plan)}
        return one(number, **told)

    chosen = select([scene(i) for i in range(120)], ShardRecipe(), {}, 0).chosen
    held: dict[int, set[str | None]] = {}
    for c in chosen:
        held.setdefault(json.loads(str(c.clip.plan))["photo"]["number"], set()).add(c.clip.split)
    assert all(len(splits) == 1 for splits in held.values())
    assert {c.clip.split for c in chosen} == {"train", "validation", "test"}


def test_synthetic_samples_over_the_rate_are_counted() -> None:
    real = [one(i) for i in range(30)]
    drawn = [one(100 + i, parent=1, is_synthetic=True, split=None) for i in range(30)]
    selected = select([*real, *drawn], ShardRecipe(synthetic_rate=0.25), {}, 0)
    assert selected.left_out == {"synthetic-rate": 20}
    assert selected.pool().model_dump() == {"clips": 60, "chosen": 40, "left_out": {"synthetic-rate": 20}}
