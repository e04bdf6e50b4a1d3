"""Matching, people and heatmaps, each beside a plain reference."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import binary_cross_entropy, mse_loss, smooth_l1_loss

from gerdata.chance import rng_for
from gerdata.clip import BodyMaps, Structure
from gerdata.learn import matching
from gerdata.learn.heatmap import RARE, Heatmap, Stages, heatmap_loss
from gerdata.learn.limb_maps import draw_limbs
from gerdata.learn.matching import PUBLISHED, LimbCost, adjacency_costs, assign, limb_costs, pair_costs, true_adjacency
from gerdata.learn.person_query import (
    NO_PERSON_WEIGHT,
    People,
    PersonQuery,
    QueryOptions,
    match,
    meeting_limbs,
    query_loss,
)
from gerdata.learn.target import BODY, FACE, Known, channels_of, make_targets, people_limbs, rescaled
from gerdata.people.limbs import BODY_LIMBS, FACE_LIMBS, LIMBS, SIDE, limbs

N, Q, P, L = 3, 7, 4, 18
MEETS = meeting_limbs(channels_of("body"))


def said_and_true(seed: int = 0) -> tuple[People, Tensor, Tensor]:
    """Answers of Q queries, and P people of whom limbs are missing; of the last person of frame 0, and of all of frame 2,
    nothing is known."""
    chance = torch.Generator().manual_seed(seed)
    limbs, people = torch.rand(N, Q, L, 4, generator=chance), torch.rand(N, P, L, 4, generator=chance)
    adjacency, presence = torch.rand(N, Q, L, L, generator=chance), torch.randn(N, Q, generator=chance)
    is_known = torch.rand(N, P, L, generator=chance) < 0.7
    is_known[0, -1], is_known[2] = False, False
    return People(limbs, presence, adjacency), people.where(is_known[..., None], 0.0), is_known


def looped_cost(
    said: People, people: Tensor, is_known: Tensor, at: tuple[int, int, int], how: LimbCost = PUBLISHED
) -> float:
    """One pair, as the published code has it: smooth L1 over known numbers, half the cross-entropy of the adjacency."""
    n, q, p = at
    known = is_known[n, p]
    cost = smooth_l1_loss(said.limbs[n, q][known], people[n, p][known], beta=how.beta).item() if known.any() else 0.0
    cost *= how.weight
    if said.adjacency is not None:
        wanted = torch.tensor([[float(known[i] and known[j] and MEETS[i, j]) for j in range(L)] for i in range(L)])
        cost += 0.5 * binary_cross_entropy(said.adjacency[n, q], wanted).item()
    return cost


@pytest.mark.parametrize("how", [PUBLISHED, LimbCost(0.02, 5.0), LimbCost(0.5, 1.0)])
def test_costs_of_all_pairs_are_those_of_a_double_loop(how: LimbCost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "AT_ONCE", 2 * Q * P * L * 4)  # two of the three frames
    said, people, is_known = said_and_true()
    assert said.adjacency is not None
    costs = limb_costs(said.limbs, people, is_known, how) + 0.5 * adjacency_costs(
        said.adjacency, true_adjacency(is_known, MEETS)
    )
    loops = [
        [[looped_cost(said, people, is_known, (n, q, p), how) for p in range(P)] for q in range(Q)] for n in range(N)
    ]
    assert torch.allclose(costs, torch.tensor(loops), atol=1e-5)


@pytest.mark.parametrize("how", [PUBLISHED, LimbCost(0.02, 5.0)])
def test_pairs_cost_the_same_alone_and_outside_of_the_unit_square_too(how: LimbCost) -> None:
    said, people, is_known = said_and_true()
    costs = limb_costs(said.limbs, people, is_known, how)
    alone = pair_costs(said.limbs[0, :P], people[0], is_known[0], how)
    assert torch.allclose(alone, costs[0].diagonal(), atol=1e-6)
    far = pair_costs(torch.full((1, L, 4), 3.0), torch.zeros(1, L, 4), torch.ones(1, L, dtype=torch.bool))
    assert far.item() == pytest.approx(2.5)  # |d| - 1/2


@pytest.mark.parametrize("how", [PUBLISHED, LimbCost(0.02, 5.0)])
@pytest.mark.parametrize(("frames", "persons"), [(0, P), (N, 0), (0, 0)])
def test_without_frames_or_people_there_are_no_pairs(frames: int, persons: int, how: LimbCost) -> None:
    said, people, is_known = said_and_true()
    few = People(*(None if one is None else one[:frames] for one in said))
    costs = limb_costs(few.limbs, people[:frames, :persons], is_known[:frames, :persons], how)
    assert costs.shape == (frames, Q, persons)
    loss = query_loss(few, people[:frames, :persons], is_known[:frames, :persons], MEETS, how)
    assert loss.tolist() == [0.0] * frames


@pytest.mark.parametrize(("queries", "persons"), [(7, 4), (3, 5), (4, 4), (1, 1)])
def test_an_assignment_is_scipys_of_each_frame_alone(queries: int, persons: int) -> None:
    costs = torch.rand(5, queries, persons, generator=torch.Generator().manual_seed(1))
    is_person = torch.ones(5, persons, dtype=torch.bool)
    is_person[1, 0], is_person[3] = False, False
    found = assign(costs, is_person)
    for n in range(5):
        columns = np.flatnonzero(is_person[n].numpy())
        rows, picked = linear_sum_assignment(costs[n].numpy()[:, columns])
        mine = {
            (int(q), int(p)) for q, p in zip(found.query[found.frame == n], found.person[found.frame == n], strict=True)
        }
        assert mine == set(zip(rows.tolist(), columns[picked].tolist(), strict=True))


def test_queries_that_diverged_are_assigned_so_that_their_loss_is_told_of() -> None:
    costs = torch.tensor([[[math.nan, 1.0], [math.inf, 0.5], [-math.inf, 0.2]]])
    found = assign(costs, torch.ones(1, 2, dtype=torch.bool))
    assert sorted(found.person.tolist()) == [0, 1]
    assert found.query.tolist() != [0, 1]
    said, people, is_known = said_and_true()
    loss = query_loss(said._replace(limbs=said.limbs * math.nan), people, is_known, MEETS)
    assert loss.isnan().any()


def test_a_batch_without_anybody_has_no_pairs_and_no_loss() -> None:
    said, people, is_known = said_and_true()
    nobody = torch.zeros_like(is_known)
    assert len(match(said, people, nobody, MEETS).frame) == 0
    assert not query_loss(said, people, nobody, MEETS).any()
    none = query_loss(said, people[:, :0], is_known[:, :0], MEETS)
    assert none.shape == (N,)
    assert not none.any()


def test_the_published_loss_is_the_mean_cost_of_matched_pairs() -> None:
    said, people, is_known = said_and_true()
    said = said._replace(presence=None)
    loss = query_loss(said, people, is_known, MEETS)
    for n in range(N):
        there = [p for p in range(P) if is_known[n, p].any()]
        table = np.array([[looped_cost(said, people, is_known, (n, q, p)) for p in there] for q in range(Q)])
        wanted = table[linear_sum_assignment(table)].mean() if there else 0.0
        assert loss[n].item() == pytest.approx(wanted, abs=1e-5)


def test_queries_without_a_person_are_held_to_saying_so() -> None:
    said, people, is_known = said_and_true()
    assert said.presence is not None
    pairs = match(said, people, is_known, MEETS)
    extra = query_loss(said, people, is_known, MEETS)
    for n in range(2):  # of the last frame nothing is known
        matched = set(pairs.query[pairs.frame == n].tolist())
        costs = [
            looped_cost(said, people, is_known, (n, int(q), int(p))) for f, q, p in zip(*pairs, strict=True) if f == n
        ]
        total = weight = 0.0
        for q in range(Q):
            share = 1 / (1 + math.exp(-said.presence[n, q].item()))
            w = 1.0 if q in matched else NO_PERSON_WEIGHT
            total -= w * math.log(share if q in matched else 1 - share)
            weight += w
        assert extra[n].item() == pytest.approx(sum(costs) / len(costs) + total / weight, abs=1e-5)
    assert extra[2].item() == 0


def test_what_is_not_known_of_a_person_changes_no_loss_and_gets_no_gradient() -> None:
    said, people, is_known = said_and_true()
    limbs = said.limbs.clone().requires_grad_()
    loss = query_loss(said._replace(limbs=limbs), people, is_known, MEETS)
    other = torch.where(is_known[..., None], people, 0.9)
    assert torch.allclose(loss, query_loss(said, other, is_known, MEETS))
    loss.sum().backward()
    assert limbs.grad is not None
    pairs = match(said, people, is_known, MEETS)
    moved = limbs.grad[pairs.frame, pairs.query].abs().sum(2) > 0  # [K, L]
    assert torch.equal(moved, is_known[pairs.frame, pairs.person])


def test_limbs_meet_where_they_share_a_joint() -> None:
    names = [LIMBS[i] for i in channels_of("both")]
    meets = meeting_limbs(channels_of("both"))
    assert meets.shape == (38, 38)
    assert torch.equal(meets, meets.T)
    assert not meets.diagonal().any()
    assert meets[names.index("body 5-7"), names.index("body 7-9")]
    assert not meets[names.index("body 5-7"), names.index("body 8-10")]
    assert not meets[BODY, FACE].any()  # joint 0 is no face point 0


def test_shapes_of_both_decoders() -> None:
    latent = torch.randn(2, 8, 7, 7)
    people = PersonQuery(8, 38, 5, 1, QueryOptions(16, 2, 0.0, True, True))(latent)
    assert people.limbs.shape == (2, 5, 38, 4)
    assert people.limbs.min() > 0
    assert people.limbs.max() < 1
    assert people.presence is not None
    assert people.adjacency is not None
    assert (people.presence.shape, people.adjacency.shape) == ((2, 5), (2, 5, 38, 38))
    maps = Heatmap(8, 18, 4, Stages(3, 1, 6))(latent)
    assert maps.shape == (2, 3, 18, 56, 56)
    assert maps.mean().item() == pytest.approx(RARE, abs=1)
    with pytest.raises(ValueError, match="7 x 7"):
        Heatmap(8, 18, 4, Stages(3, 1, 6))(torch.randn(2, 8, 6, 6))


@pytest.mark.parametrize("limb_weight", [1.0, 5.0])
def test_heatmap_loss_is_that_of_a_loop_over_stages_and_channels(limb_weight: float) -> None:
    chance = torch.Generator().manual_seed(0)
    logits, maps = torch.randn(2, 3, 4, 8, 8, generator=chance), torch.rand(2, 4, 8, 8, generator=chance)
    told = heatmap_loss(logits, maps, limb_weight)
    for n in range(2):
        for c in range(4):
            root = (1 + (limb_weight - 1) * maps[n, c]).sqrt()
            wanted = sum(mse_loss(logits[n, s, c].sigmoid() * root, maps[n, c] * root).item() for s in range(3))
            assert told[n, c].item() == pytest.approx(wanted, rel=1e-5)


def crowd(t: int = 2, p: int = 3, side: int = 64) -> Structure:
    rng = rng_for(0, "crowd", t, p)
    structure = Structure.empty(t, p)
    structure.bodies[..., :2] = rng.uniform(0, side, (t, p, 17, 2))
    structure.bodies[..., 2] = rng.integers(0, 3, (t, p, 17))
    structure.faces[:] = rng.uniform(0, side, (t, p, 68, 2))
    structure.faces[:, 0, 48:] = np.nan
    return structure


def test_maps_are_those_of_a_naive_renderer() -> None:
    structure = crowd()
    maps = make_targets([Known(64, 2, structure, None)], with_maps=True).maps[0].numpy()
    wanted = np.zeros((2, 38, SIDE, SIDE))
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    for t in range(2):
        for p in range(3):
            body = np.where(structure.bodies[t, p, :, 2:] > 0, structure.bodies[t, p, :, :2], np.nan)
            ends = [(body[a], body[b]) for a, b in BODY_LIMBS]
            ends += [(structure.faces[t, p, a], structure.faces[t, p, b]) for a, b in FACE_LIMBS]
            for c, (a, b) in enumerate(ends):
                if np.isnan([a, b]).any():
                    continue
                a, b = a * SIDE / 64, b * SIDE / 64
                nearest = np.full((SIDE, SIDE), np.inf)
                for share in np.linspace(0, 1, 2001):
                    point = a + share * (b - a)
                    nearest = np.minimum(nearest, (x - point[0]) ** 2 + (y - point[1]) ** 2)
                wanted[t, c] += np.exp(-nearest / 2)
    assert np.abs(maps - wanted.clip(max=1)).max() < 2e-3  # lines are cut four sigmas off
    assert np.abs(maps - limbs(structure, 64, 64)).max() < 2e-3


@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from([0.05, 0.3, 2.0]))
@settings(deadline=None, max_examples=60)
def test_any_limbs_are_drawn_as_those_of_the_reference(seed: int, people: int, sigma: float, length: float) -> None:
    rng = rng_for(seed, "lines")
    first = rng.uniform(-0.5, 1.5, (people, 2))
    lines = np.concatenate([first, first + rng.uniform(-length, length, (people, 2))], axis=1).astype(np.float32)
    structure = Structure.empty(1, people)
    structure.bodies[0, :, (5, 7), 2] = 2
    structure.bodies[0, :, (5, 7), :2] = lines.reshape(-1, 2, 2).transpose(1, 0, 2) * 64
    wanted = limbs(structure, 64, 64, sigma)[0, BODY_LIMBS.index((5, 7))]
    drawn = draw_limbs(torch.from_numpy(lines)[None], sigma)[0]
    assert np.abs(drawn.numpy() - wanted).max() < 1e-3 * people


def test_people_are_shares_of_the_frame_and_what_is_missing_or_outside_is_not_known() -> None:
    structure = crowd()
    structure.bodies[0, 1, 5] = (-3, 20, 2)
    told = people_limbs(Known(64, 2, structure, None))
    assert told.shape == (2, 3, 38, 4)
    for c, (a, b) in enumerate(BODY_LIMBS):
        for p in range(3):
            known = min(structure.bodies[1, p, a, 2], structure.bodies[1, p, b, 2]) > 0
            wanted = np.concatenate([structure.bodies[1, p, a, :2], structure.bodies[1, p, b, :2]]) / 64
            assert np.allclose(told[1, p, c], wanted if known else np.nan, equal_nan=True, atol=1e-6)
    touching = [c for c, limb in enumerate(BODY_LIMBS) if 5 in limb]
    assert not make_targets([Known(64, 2, structure, None)], with_maps=False).is_known[0, 0, 1, touching].any()


def test_frames_in_which_nothing_is_known_are_masked_not_filled_from_the_one_before() -> None:
    structure = crowd()
    structure.bodies[1], structure.faces[1] = np.nan, np.nan
    targets = make_targets([Known(64, 2, structure, None), Known(64, 2, None, None)], with_maps=True)
    assert targets.has_people.tolist() == [[True, False], [False, False]]
    assert targets.has_heatmaps.tolist() == [[[True, True], [False, False]], [[False, False]] * 2]
    assert not targets.maps[0, 1].any()
    assert targets.people.shape == (2, 2, 3, 38, 4)
    assert targets.people.isfinite().all()


def test_maps_that_may_be_released_are_targets_of_bodies_alone() -> None:
    maps = np.zeros((2, 18, SIDE, SIDE), np.uint8)
    maps[0, 3, 5, 5] = 255
    targets = make_targets([Known(64, 2, None, BodyMaps(maps, np.array([True, False])))], with_maps=True)
    assert targets.maps[0, 0, 3, 5, 5] == 1
    assert targets.has_heatmaps[0].tolist() == [[True, False], [False, False]]
    assert not targets.has_people.any()


def test_structure_of_a_wide_frame_fits_the_square_one() -> None:
    structure = Structure.empty(1, 1)
    structure.heads[0, 0], structure.bodies[0, 0, 0], structure.faces[0, 0, 8] = (
        (0, 0, 200, 100),
        (100, 50, 2),
        (200, 100),
    )
    small = rescaled(structure, height_px=100, width_px=200, side_px=64)
    assert small.heads[0, 0].tolist() == [0, 0, 64, 64]
    assert small.bodies[0, 0, 0].tolist() == [32, 32, 2]
    assert small.faces[0, 0, 8].tolist() == [64, 64]
