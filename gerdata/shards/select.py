"""Which samples go into a release, and why each other one does not: nothing is left out without being counted."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gerdata.chance import digest_of
from gerdata.clip import Clip, Quality
from gerdata.errors import AccountError, UsageError
from gerdata.manifest import FLAGS, LEFT_OUT, Pool
from gerdata.media.quality import BOUNDS
from gerdata.recipe import ShardRecipe, Terms
from gerdata.shards.choose import Chosen, mix, split_synthetic
from gerdata.store.plans import has_photo, licences_of

_BOUNDS = (*BOUNDS, ("min_smallest_head_px", "smallest_head_px"))


@dataclass(frozen=True)
class Selected:
    """What is in a release, each with its split, and how many of what it was chosen from are not, by reason."""

    chosen: list[Chosen]
    left_out: Mapping[str, int]

    def pool(self) -> Pool:
        return Pool(
            clips=len(self.chosen) + sum(self.left_out.values()),
            chosen=len(self.chosen),
            left_out=dict(sorted(self.left_out.items())),
        )


def select(
    pool: Sequence[Chosen],
    recipe: ShardRecipe,
    terms: Mapping[int, Terms],
    seed: int,
    *,
    is_free: bool = False,
    measured: Mapping[str, Quality] | None = None,
) -> Selected:
    """Filter, cap, balance, mix and split. `terms` are those of a parent, by its number; `measured` what is known of sources,
    by id, which bounds of quality are held against and nothing else. The order of the pool is of no matter.

    `UsageError` where a recipe asks for what cannot be had; `AccountError` where one sample was lost.
    """
    if unknown := sorted(set(recipe.exclude_flags) - set(FLAGS)):
        raise UsageError(f"exclude_flags: {', '.join(unknown)} is no flag of gerdata; docs/formats.md lists them")
    left: Counter[str] = Counter()
    held = []
    for one in pool:
        source = (measured or {}).get(one.clip.id, one.clip.quality)
        reason = reason_against(dataclasses.replace(one.clip, quality=source), terms.get(one.parent), recipe)
        if reason is None:
            _may_pass(terms.get(one.parent), is_free)
            held.append(one)
        else:
            left[reason] += 1
    held = _counted(left, "group-cap", held, _capped(held, recipe.max_per_group, seed))
    real = [one for one in held if not one.clip.is_synthetic]
    synthetic = [one for one in held if one.clip.is_synthetic]
    if real:
        kept = _counted(left, "balance", real, _balanced(real, recipe, seed))
        chosen = mix(kept, synthetic, recipe.synthetic_rate, seed)
        left["synthetic-rate"] += len(kept) + len(synthetic) - len(chosen)
    else:
        split = split_synthetic(synthetic, recipe, seed)
        chosen = _counted(left, "balance", split, _balanced(split, recipe, seed))
    selected = Selected(chosen, +left)
    if selected.pool().clips != len(pool) or set(left) - set(LEFT_OUT):
        raise AccountError(f"{len(pool)} samples to choose from, {selected.pool().clips} accounted for")
    return selected


def reason_against(clip: Clip, terms: Terms | None, recipe: ShardRecipe) -> str | None:
    """The first reason of `LEFT_OUT` why a clip is not taken, for what it is alone; None where it is."""
    tests: tuple[tuple[str, bool], ...] = (
        ("licence", recipe.licences is not None and not _is_licensed(clip, terms, recipe.licences)),
        ("excluded-use", recipe.use is not None and terms is not None and recipe.use in terms.excludes),
        ("kind", recipe.kind != "all" and clip.is_synthetic != (recipe.kind == "synthetic")),
        ("unlabelled", recipe.require_label and clip.label is None),
        ("individual", recipe.exclude_individual and clip.is_individual),
        ("min-people", recipe.min_people is not None and (clip.n_people or 0) < recipe.min_people),
        ("flag", bool(set(clip.flags) & set(recipe.exclude_flags))),
    )
    reason = next((reason for reason, holds in tests if holds), None)
    if reason or clip.is_synthetic:  # what is drawn is as its recipe wants it
        return reason
    return _quality_against(clip.quality, recipe)


def asks_quality(recipe: ShardRecipe) -> bool:
    """Whether a recipe bounds any measure of quality."""
    return any(getattr(recipe, key) is not None for key, _ in _BOUNDS)


def licences_known(clip: Clip, terms: Terms | None) -> tuple[str, ...]:
    """What is known of a clip's licences: of its source by the terms, of pictures in it by its plan."""
    return (*((terms.licence,) if terms else ()), *licences_of(clip.plan))


def _is_licensed(clip: Clip, terms: Terms | None, taken: Sequence[str]) -> bool:
    """Drawn people are nobody's: a synthetic sample without pictures needs no licence of anybody."""
    known = licences_known(clip, terms)
    has_pictures = has_photo(clip.plan) or "not obfuscated" in clip.protection
    is_drawn = clip.is_synthetic and not known and not has_pictures
    return is_drawn or (bool(known) and set(known) <= set(taken))


def _quality_against(quality: Quality | None, recipe: ShardRecipe) -> str | None:
    for key, field in _BOUNDS:
        bound = getattr(recipe, key)
        if bound is None:
            continue
        value = getattr(quality, field) if quality is not None else None
        if value is None:
            return "not-measured"
        if (value < bound) if key.startswith("min") else (value > bound):
            return "quality"
    return None


def _may_pass(terms: Terms | None, is_free: bool) -> None:
    if terms is not None and not terms.passes_media and not is_free:
        raise UsageError(
            f"{terms.of}: the terms of {terms.source} ({terms.licence}) let no media pass on; make a release of rows and "
            "plans with --media-free, or leave this dataset out"
        )


def _counted(left: Counter[str], reason: str, before: Sequence[Chosen], after: list[Chosen]) -> list[Chosen]:
    left[reason] += len(before) - len(after)
    return after


def _capped(held: Sequence[Chosen], most: int | None, seed: int) -> list[Chosen]:
    """At most so many of one group, drawn by lot."""
    return list(held) if most is None else _drawn(held, lambda one: one.clip.group, lambda _: most, seed, "cap")


def _balanced(held: Sequence[Chosen], recipe: ShardRecipe, seed: int) -> list[Chosen]:
    """As many labelled training samples of every class as there are of the rarest; all others as they are."""
    train = [one for one in held if one.clip.split == "train" and one.clip.label is not None]
    if recipe.balance == "none" or not train:
        return list(held)
    least = min(Counter(one.clip.label for one in train).values())
    names = {id(one) for one in _drawn(train, lambda one: str(one.clip.label), lambda _: least, seed, "balance")}
    among = {id(one) for one in train}
    return [one for one in held if id(one) not in among or id(one) in names]


def _drawn(
    held: Iterable[Chosen], key: Callable[[Chosen], str], most: Callable[[str], int], seed: int, purpose: str
) -> list[Chosen]:
    """At most `most` of each heap, the first by lot; the order stays."""
    heaps: dict[str, list[Chosen]] = defaultdict(list)
    held = list(held)
    for one in held:
        heaps[key(one)].append(one)
    taken = set()
    for name, heap in heaps.items():
        ranked = sorted(heap, key=lambda one: digest_of(seed, purpose, one.clip.id))
        taken |= {id(one) for one in ranked[: most(name)]}
    return [one for one in held if id(one) in taken]
