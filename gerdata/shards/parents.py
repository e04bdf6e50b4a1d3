"""The datasets that a release is made of: whether they fit together, what is allowed of them, and what is told of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gerdata.errors import UsageError
from gerdata.manifest import Header
from gerdata.recipe import ShardRecipe, Terms
from gerdata.shards.choose import Chosen
from gerdata.store.audits import audit_of
from gerdata.store.coverage import coverage_of
from gerdata.store.dataset import HEADER, Dataset, sha256_of_file
from gerdata.store.members import FLAC, LIMBS, ROW, STRUCTURE

QUARANTINED = ("residual-face", "open-track", "voice-left", "detector-failed")


@dataclass(frozen=True)
class Parents:
    """Finished datasets, those of real people first; `terms` by their number."""

    datasets: tuple[Dataset, ...]
    headers: tuple[Header, ...]
    terms: Mapping[int, Terms]

    @classmethod
    def open(cls, datasets: Sequence[Dataset], recipe: ShardRecipe, *, needs_all: bool = True) -> "Parents":
        """In an order of their own, whatever that in which they were named. `UsageError` where they do not fit into one
        release, or terms name none of them."""
        if len({one.root.resolve() for one in datasets}) != len(datasets):
            raise UsageError("a dataset is named twice; name each once")
        datasets = sorted(datasets, key=lambda one: (one.header().stage, sha256_of_file(one.root / HEADER)))
        headers = tuple(one.header() for one in datasets)
        _check_alike(datasets, headers)
        number_of = {one.root.resolve().name: number for number, one in enumerate(datasets)}
        for terms in recipe.terms:
            if needs_all and terms.of not in number_of:
                raise UsageError(f"terms of {terms.of}: no such dataset here; there are {', '.join(sorted(number_of))}")
        return cls(tuple(datasets), headers, {number_of[one.of]: one for one in recipe.terms if one.of in number_of})

    def pool(self, mode: str) -> list[Chosen]:
        """All their samples. `UsageError` where their frames are not of one size, or of an odd one for a video."""
        pool = [
            Chosen(row.clip, number, str(row.shard), row.member_offset, row.member_length)
            for number, dataset in enumerate(self.datasets)
            for row in dataset.rows()
        ]
        sizes = {(one.clip.height_px, one.clip.width_px) for one in pool}
        if len(sizes) > 1:
            raise UsageError(
                f"frames of sizes {sorted(sizes)} do not fit into one release; make all with the same frame_px"
            )
        if mode == "video" and any(height % 2 or width % 2 for height, width in sizes):
            raise UsageError(f"mode video: frames of {sorted(sizes)} are odd; a video has even sizes, set frame_px so")
        return pool

    def told(self, number: int, audits: Path) -> dict[str, str]:
        """What a release passes on of a parent: how it was made, lines of its audit, "" where there is none, how much was
        quarantined, what it covers, and its terms."""
        dataset, header = self.datasets[number], self.headers[number]
        audit, coverage = audit_of(dataset, audits), coverage_of(dataset)
        told = {
            "stage": header.stage,
            "protection": header.protection,
            "audit": "\n".join(audit.lines()) if audit else "",
            "samples": str(header.counts.written),
            "recipe": json.dumps(header.recipe, separators=(",", ":")),
        }
        if header.stage == "protect":
            told["quarantined"] = quarantined(header)
        else:
            told["seed"] = str(header.seed)  # with the recipe, all that the samples were made from
        if coverage:
            told["coverage"] = "\n".join(coverage.lines())
        if (terms := self.terms.get(number)) is not None:
            told |= {"source": terms.source, "licence": terms.licence}
        return told

    def digest(self, told: Mapping[int, Mapping[str, str]]) -> str:
        """What the parents are: their headers, and what is told of those used."""
        sums = (sha256_of_file(one.root / HEADER) for one in self.datasets)
        return "".join(f"{one}{''.join(told.get(number, {}).values())}" for number, one in enumerate(sums))


def quarantined(header: Header) -> str:
    """How many clips were refused for what was still found in them, of how many, by reason."""
    counts = header.counts
    found = {reason: n for reason in QUARANTINED if (n := counts.reasons.get(reason, 0))}
    share = f"{sum(found.values())} of {counts.clips} clips ({100 * sum(found.values()) / max(1, counts.clips):.1f} %)"
    return share + "".join(f", {n} {reason}" for reason, n in found.items())


def members_of(headers: Sequence[Header]) -> tuple[str, ...]:
    """The members that every sample of a release can have. Limb maps are drawn for synthetic parents, which hold all of the
    structure; structure itself leaves only where all parents are synthetic."""

    def can(header: Header, member: str) -> bool:
        return member in header.members or (member == LIMBS and STRUCTURE in header.members)

    named = dict.fromkeys(member for header in headers for member in header.members)
    return tuple(member for member in named if all(can(header, member) for header in headers))


def _check_alike(parents: Sequence[Dataset], headers: Sequence[Header]) -> None:
    """One stage, one list of classes, one T, and one set of members that all samples have."""
    first = headers[0]
    for parent, header in zip(parents, headers, strict=True):
        if header.stage not in ("protect", "synth"):
            raise UsageError(
                f"{parent.root}: a release is made of protected or synthetic samples, this is '{header.stage}'"
            )
        for field in ("classes", "n_frames"):
            ours, theirs = getattr(first, field), getattr(header, field)
            if ours != theirs:
                raise UsageError(
                    f"{parent.root}: {field} {theirs} do not fit {field} {ours} of {parents[0].root}; one release has one "
                    "form, make both with the same"
                )
        lacking = [name for name in _needed(header.n_frames) if name not in header.members]
        if lacking:
            raise UsageError(
                f"{parent.root}: its samples lack {', '.join(lacking)}, and all samples of a release have one set of members"
            )


def _needed(n_frames: int) -> list[str]:
    return [*(f"f{i:02d}.jpg" for i in range(n_frames)), FLAC, ROW]
