"""PersonQuery: learned queries look at the latent grid, and each says one person's limbs (arXiv 2604.02397, after DETR).

What departs from the published code, unless a recipe asks for the published loss: a query also says whether it is anybody
(`presence`), so that queries without a person are learnt from, and a frame may hold any number of people up to Q; limbs
that meet are told by the limbs' own ends (published: joints index a table of limbs); a frame without people is masked.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from gerdata.learn.matching import (
    ADJACENCY_WEIGHT,
    PUBLISHED,
    LimbCost,
    Matches,
    adjacency_costs,
    assign,
    limb_costs,
    pair_adjacency_costs,
    pair_costs,
    true_adjacency,
)
from gerdata.learn.pooling import positions
from gerdata.people.limbs import BODY_LIMBS, FACE_LIMBS

NO_PERSON_WEIGHT = 0.1  # of a query without a person, as in DETR
PRESENCE_COST = 0.1  # of a sure query, in the assignment; limb costs of untrained queries are about 0.05


class People(NamedTuple):
    """What Q queries say of N frames."""

    limbs: Tensor  # [N, Q, L, 4] in (0, 1): x0 y0 x1 y1 in shares of the frame
    presence: Tensor | None  # [N, Q] logits: whether the query is a person
    adjacency: Tensor | None  # [N, Q, L, L] in (0, 1): whether two limbs meet


class PersonQuery(nn.Module):
    """A latent grid to people. Tokens are the cells of unpadded 1x1, 3x3 and 5x5 convolutions of it: 49 + 25 + 9 = 83."""

    def __init__(self, latent: int, limbs: int, queries: int, layers: int, options: "QueryOptions") -> None:
        super().__init__()
        width = options.width
        self.limbs_out = limbs
        self.tokens = nn.ModuleList(nn.Conv2d(latent, width, size) for size in (1, 3, 5))
        self.queries = nn.Parameter(torch.randn(queries, width))
        self.transformer = nn.Transformer(
            width, options.heads, layers, layers, 2 * width, options.dropout, batch_first=True
        )
        self.limbs = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, limbs * 4), nn.Sigmoid())
        self.presence = nn.Linear(width, 1) if options.no_person else None
        self.adjacency = nn.Sequential(nn.Linear(width, limbs * limbs), nn.Sigmoid()) if options.adjacency else None

    def forward(self, latent: Tensor) -> People:
        """[N, latent, 7, 7] -> `People`."""
        cells = torch.cat([layer(latent).flatten(2).mT for layer in self.tokens], dim=1)  # [N, 83, d]
        cells = cells + positions(cells.shape[1], cells.shape[2]).to(cells)
        told = self.transformer(cells, self.queries.expand(len(latent), -1, -1))  # [N, Q, d]
        limbs = self.limbs(told).unflatten(2, (self.limbs_out, 4))
        presence = self.presence(told).squeeze(2) if self.presence is not None else None
        adjacency = None
        if self.adjacency is not None:
            adjacency = self.adjacency(told).unflatten(2, (self.limbs_out, self.limbs_out))
        return People(limbs, presence, adjacency)


class QueryOptions(NamedTuple):
    """What a PersonQuery decoder is made of."""

    width: int  # numbers of a token, a multiple of `heads`
    heads: int
    dropout: float
    no_person: bool
    adjacency: bool


def meeting_limbs(channels: list[int]) -> Tensor:
    """Which limbs share an end: bool [L, L], for channels of `gerdata.people.limbs.LIMBS`; joints and face points differ."""
    ends = [*({f"body {a}", f"body {b}"} for a, b in BODY_LIMBS), *({f"face {a}", f"face {b}"} for a, b in FACE_LIMBS)]
    return torch.tensor([[i != j and bool(ends[i] & ends[j]) for j in channels] for i in channels])


def match(said: People, people: Tensor, is_known: Tensor, meets: Tensor, how: LimbCost = PUBLISHED) -> Matches:
    """The assignment of queries to `people [N, P, L, 4]`; who has no limb in `is_known [N, P, L]` is nobody."""
    with torch.no_grad():
        costs = limb_costs(said.limbs.float(), people, is_known, how)  # [N, Q, P]
        if said.adjacency is not None:
            costs = costs + ADJACENCY_WEIGHT * adjacency_costs(said.adjacency.float(), true_adjacency(is_known, meets))
        if said.presence is not None:
            costs = costs - PRESENCE_COST * said.presence.float().sigmoid()[..., None]
    return assign(costs, is_known.any(dim=2))


def query_loss(said: People, people: Tensor, is_known: Tensor, meets: Tensor, how: LimbCost = PUBLISHED) -> Tensor:
    """Loss of each frame, [N]: the mean over its matched people of limbs and adjacency, plus the mean over its queries of the
    presence. 0 in a frame without people: `is_known [N, P, L]` says of whom anything is known.

    Without presence, and with limbs costed as published, this is the published loss, but for frames: there it is a mean over
    the pairs of a whole batch.
    """
    pairs = match(said, people, is_known, meets, how)
    known = is_known[pairs.frame, pairs.person]  # [K, L]
    costs = pair_costs(
        said.limbs[pairs.frame, pairs.query].float(), people[pairs.frame, pairs.person], known, how
    )  # [K]
    if said.adjacency is not None:
        wanted = true_adjacency(known, meets)
        told = said.adjacency[pairs.frame, pairs.query].float()
        costs = costs + ADJACENCY_WEIGHT * pair_adjacency_costs(told, wanted)
    n = len(people)
    matched = torch.zeros(n, device=people.device).index_add(0, pairs.frame, torch.ones_like(pairs.frame).float())
    loss = torch.zeros(n, device=people.device).index_add(0, pairs.frame, costs.float()) / matched.clamp(min=1)
    if said.presence is not None:
        presence = said.presence.float()
        is_person = torch.zeros_like(presence)
        is_person[pairs.frame, pairs.query] = 1
        weight = torch.where(is_person > 0, 1.0, NO_PERSON_WEIGHT)
        missed = binary_cross_entropy_with_logits(presence, is_person, weight, reduction="none")  # [N, Q]
        loss = loss + missed.sum(1) / weight.sum(1) * is_known.flatten(1).any(dim=1)
    return loss
