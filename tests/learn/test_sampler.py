"""Orders and shares: what every epoch, rank and resumed run can rely on, for any numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.errors import UsageError
from gerdata.learn.sampler import Catalogue, Mixing, epoch_order, position_after, share_of, steps_of

quick = settings(max_examples=120, deadline=None)


@st.composite
def catalogues(draw: st.DrawFn, labelled: bool = False) -> Catalogue:
    n = draw(st.integers(0, 60))
    shards = sorted(draw(st.lists(st.integers(0, 7), min_size=n, max_size=n)))
    labels = draw(st.lists(st.integers(0 if labelled else -1, 2), min_size=n, max_size=n))
    synthetic = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return Catalogue(np.array(shards, np.int64), np.array(labels, np.int64), np.array(synthetic, bool))


seeds, epochs = st.integers(0, 99), st.integers(0, 9)
worlds = st.tuples(st.integers(1, 9), st.integers(1, 5))  # batch, ranks


@quick
@given(catalogues(), seeds, epochs, st.integers(1, 9), st.booleans())
def test_every_labelled_clip_is_seen_once_an_epoch(
    clips: Catalogue, seed: int, epoch: int, window: int, shuffle: bool
) -> None:
    order = epoch_order(clips, Mixing(shuffle, window), seed, epoch)
    assert sorted(order) == np.flatnonzero(clips.labels >= 0).tolist()
    every = epoch_order(clips, Mixing(shuffle, window, unlabelled=True), seed, epoch)
    assert sorted(every) == list(range(len(clips.labels)))
    assert np.array_equal(order, epoch_order(clips, Mixing(shuffle, window), seed, epoch))


@quick
@given(catalogues(), seeds, st.integers(1, 9))
def test_a_window_is_done_before_the_next_begins(clips: Catalogue, seed: int, window: int) -> None:
    order = epoch_order(clips, Mixing(window_shards=window, unlabelled=True), seed, 0)
    last: dict[int, int] = {}
    first: dict[int, int] = {}
    for place, shard in enumerate(clips.shards[order]):
        first.setdefault(int(shard), place)
        last[int(shard)] = place
    open_at_once = [sum(first[s] <= place <= last[s] for s in first) for place in range(len(order))]
    assert max(open_at_once, default=0) <= window


@quick
@given(catalogues(), seeds, epochs, worlds, st.sampled_from(["pad", "drop"]))
def test_ranks_have_equal_batches_and_together_the_order(clips, seed, epoch, world, tail) -> None:
    batch, ranks = world
    order = epoch_order(clips, Mixing(unlabelled=True), seed, epoch)
    shares = [share_of(order, batch, rank, ranks, tail=tail) for rank in range(ranks)]
    steps = steps_of(len(order), batch, ranks, tail=tail)
    assert {share.shape for share in shares} == {(steps, batch)}
    together = np.stack(shares, axis=1).reshape(-1)  # step by step, rank by rank
    n = min(len(together), len(order))
    assert np.array_equal(together[:n], order[:n])
    missed = len(order) - n
    if tail == "pad":
        assert missed == 0
        assert len(together) - len(order) < batch * ranks
        assert np.array_equal(together[n:], np.resize(order, len(together) - n) if len(order) else together[n:])
    else:
        assert 0 <= missed < batch * ranks


@quick
@given(catalogues(), seeds, epochs, worlds, worlds, st.data())
def test_a_resumed_run_of_another_size_sees_the_rest_in_the_same_order(
    clips, seed, epoch, before, after, data: st.DataObject
) -> None:
    order = epoch_order(clips, Mixing(unlabelled=True), seed, epoch)
    done = data.draw(st.integers(0, steps_of(len(order), *before)))
    position = position_after(0, done, *before, len(order))
    first = np.stack([share_of(order, before[0], rank, before[1])[:done] for rank in range(before[1])], axis=1)
    second = np.stack([share_of(order, after[0], rank, after[1], position) for rank in range(after[1])], axis=1)
    seen = np.concatenate([first.reshape(-1)[: len(order)], second.reshape(-1)])
    assert np.array_equal(seen[: len(order)], order)


@quick
@given(catalogues(labelled=True), seeds, epochs, st.booleans())
def test_balanced_classes_are_equally_many_in_every_round(clips, seed, epoch, shuffle) -> None:
    order = epoch_order(clips, Mixing(shuffle, balanced=True), seed, epoch)
    classes, counts = np.unique(clips.labels, return_counts=True)
    assert len(order) == len(classes) * max(counts, default=0)
    assert set(order) == set(range(len(clips.labels)))  # nobody is left out
    for round_ in order.reshape(-1, max(1, len(classes))):
        assert sorted(clips.labels[round_]) == classes.tolist()
    for label in classes:
        times = np.bincount(order, minlength=len(clips.labels))[clips.labels == label]
        assert times.max() - times.min() <= 1


@quick
@given(
    catalogues(labelled=True),
    seeds,
    epochs,
    st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.75, 0.9]),
    st.booleans(),
    worlds,
)
def test_every_batch_has_its_share_of_synthetic_clips(clips, seed, epoch, share, balanced, world) -> None:
    how = Mixing(synthetic_share=share, balanced=balanced)
    if clips.synthetic.all() or (share > 0 and not clips.synthetic.any()):
        with pytest.raises(UsageError, match="clips of both kinds"):
            epoch_order(clips, how, seed, epoch)
        return
    order = epoch_order(clips, how, seed, epoch)
    real = np.flatnonzero(~clips.synthetic)
    assert set(real) <= set(order)
    if not balanced:
        assert sorted(order[~clips.synthetic[order]]) == real.tolist()
    realised = clips.synthetic[order].sum() / len(order)
    assert abs(realised - share) <= 1 / len(order)
    for batch in share_of(order, world[0], 0, world[1], tail="drop"):
        assert abs(clips.synthetic[batch].sum() - realised * len(batch)) < 1


def test_seed_and_epoch_give_other_orders_and_windows_nothing_else() -> None:
    clips = Catalogue(np.arange(400) // 10, np.arange(400) % 3, np.arange(400) % 4 == 0)
    orders = [epoch_order(clips, Mixing(), seed, epoch).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4
    assert epoch_order(clips, Mixing(), 0, 0).tolist() == orders[0]
    again = epoch_order(clips, Mixing(balanced=True, synthetic_share=0.5), 0, 0)
    assert again.tolist() == epoch_order(clips, Mixing(balanced=True, synthetic_share=0.5), 0, 0).tolist()


@pytest.mark.parametrize(("ranks", "wanted"), [(1, 4), (2, 2), (3, 2)])
def test_seven_clips_in_batches_of_two(ranks: int, wanted: int) -> None:
    shares = [share_of(np.arange(7), 2, rank, ranks) for rank in range(ranks)]
    assert [len(share) for share in shares] == [wanted] * ranks
    assert set(np.concatenate(shares).reshape(-1)) == set(range(7))


@pytest.mark.parametrize(
    "call",
    [
        lambda: share_of(np.arange(7), 0),
        lambda: share_of(np.arange(7), 2, 2, 2),
        lambda: share_of(np.arange(7), 2, 0, 1, 8),
        lambda: Mixing(window_shards=0),
        lambda: Mixing(synthetic_share=1.0),
        lambda: Mixing(balanced=True, unlabelled=True),
    ],
)
def test_what_cannot_be_meant_is_refused(call) -> None:
    with pytest.raises(UsageError):
        call()
