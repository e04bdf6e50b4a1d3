"""The card of a release: `README.md` with the front matter that Hugging Face `datasets` reads."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from gerdata.clip import SPLITS, Clip
from gerdata.manifest import LEFT_OUT, Header
from gerdata.shards.words import EXCLUDED_USES, INTENDED_USE, NOT_PREVENTED, attacks_of, licences_told, title_of
from gerdata.store.audits import SHORTCUT
from gerdata.store.members import ROW

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card(header: Header, clips: Sequence[Clip]) -> str:
    """The whole card. It is a function of the header and the rows; it knows no host or path, and no date but a given one."""
    n_synthetic = sum(clip.is_synthetic for clip in clips)
    held = [split for split in SPLITS if any(clip.split == split for clip in clips)]
    lines = [
        *_front_matter(header, held, n_synthetic, len(clips)),
        "# A release of clips of groups",
        "",
        header.notice[:1].upper() + header.notice[1:] + ".",
        "",
        *_facts(header, clips, n_synthetic),
        "",
        "| split | " + " | ".join((*header.classes, "unlabelled", "all")) + " |",
        "|---" * (len(header.classes) + 3) + "|",
        *(_split_line(split, header.classes, clips) for split in held),
        "",
        *_made(header),
        *_chosen(header),
        *_covered(header),
        *_attacks(header),
        *_licences(header),
        *_uses(),
    ]
    return "\n".join(lines)


def _facts(header: Header, clips: Sequence[Clip], n_synthetic: int) -> Iterator[str]:
    rules = sorted({clip.label_rule for clip in clips if clip.label_rule})
    raters = Counter(len(clip.label_soft) for clip in clips if clip.label_soft is not None)
    dropped = "every sample is a group of its own; clips of one event cannot be told from this release"
    yield from ([f"- date: {date}"] if (date := header.fingerprint.get("date")) else [])
    yield f"- {title_of(header, clips)}"
    yield f"- protection: {header.protection}"
    yield f"- synthetic: {n_synthetic} of {len(clips)} samples" + _synthetic_words(n_synthetic, len(clips))
    yield f"- with sound: {sum(clip.has_audio for clip in clips)} of {len(clips)}"
    yield f"- frames a sample: {header.n_frames}; members: {', '.join(header.members) or 'none, there are no media'}"
    yield f"- label rule of the synthetic samples: {', '.join(rules) or 'none'}"
    yield f"- labels with shares of several raters or of a rule: {sum(raters.values())} of {len(clips)}"
    yield f"- groups: {dropped if header.recipe.get('drop_groups') else 'clips filmed together, or of one cast, share one'}"


def _made(header: Header) -> list[str]:
    """How it was made: the recipe of each parent, and of the release."""
    lines = ["## How it was made", ""]
    for parent in header.parents:
        told = f"- {parent['stage']}: {parent['protection']}"
        if "quarantined" in parent:
            told += f"; quarantined for what was still found: {parent['quarantined']}"
        lines.append(told)
    recipe = {key: value for key, value in header.recipe.items() if value not in (None, [], False, "none", "all")}
    told = ", ".join(f"{key} {json.dumps(value)}" for key, value in recipe.items() if key != "terms")
    return [*lines, f"- shard: {told}", "", "`dataset.json` has every recipe and seed in full.", ""]


def _chosen(header: Header) -> list[str]:
    """What was left out, and why."""
    if header.pool is None or not header.pool.left_out:
        return []
    lines = [f"- {n} {reason}: {LEFT_OUT[reason]}" for reason, n in header.pool.left_out.items()]
    return [
        "## What was left out",
        "",
        f"Of {header.pool.clips} samples {header.pool.chosen} were chosen.",
        "",
        *lines,
        "",
    ]


def _attacks(header: Header) -> list[str]:
    """What attackers found of every parent of real people, and what was found by those who looked for shortcuts, of any."""
    lines = ["## What attackers found"]
    for parent in header.parents:
        if parent["stage"] != "synth" or parent.get("audit"):
            lines += ["", _with_points(f"{parent['protection']}: {parent.get('audit') or 'not audited'}")]
    shown = [*lines, ""] if len(lines) > 1 else []
    if any(line.startswith(SHORTCUT) for line in attacks_of(header)):
        return shown
    return [*shown, "Shortcuts (labels told by background, loudness, file size, ...) were not searched for.", ""]


def _covered(header: Header) -> list[str]:
    """What the plans of synthetic parents cover, of which a release may hold a part."""
    told = [parent["coverage"] for parent in header.parents if parent.get("coverage")]
    if not told:
        return []
    return [
        "## What the synthetic samples were drawn to cover",
        "",
        *(f"- {line}" for one in told for line in one.split("\n")),
        "",
    ]


def _licences(header: Header) -> list[str]:
    known = licences_told(header)
    unknown = [one["protection"] for one in header.parents if "licence" not in one and one["stage"] != "synth"]
    lines = [f"- {one}" for one in known] + [f"- {one}: not stated" for one in unknown]
    return ["## Licences by source", "", *lines, ""] if lines else []


def _uses() -> list[str]:
    return [
        "## Intended use",
        INTENDED_USE,
        "",
        "## Excluded uses",
        *EXCLUDED_USES,
        "",
        "## What no processing prevents",
        *NOT_PREVENTED,
        "",
    ]


def _with_points(text: str) -> str:
    return text.replace("\n", "\n- ")


def _front_matter(header: Header, held: Sequence[str], n_synthetic: int, n: int) -> list[str]:
    kind = header.recipe.get("format", "webdataset") if header.members else "parquet"
    tags = ["group-emotion-recognition", kind] + (["synthetic"] if n_synthetic == n else [])
    licence = header.recipe.get("licence")
    return [
        "---",
        *(["license: other", f"license_name: {json.dumps(licence)}"] if licence else []),
        f"tags: [{', '.join(tags)}]",
        f"size_categories: [{next((name for most, name in _SIZES if n < most), 'n>1M')!r}]",
        *_features(header),
        "configs:",
        "- config_name: default",
        "  data_files:",
        *(f'  - {{split: {split}, path: "{_pattern(split, header)}"}}' for split in held),
        "---",
    ]


def _features(header: Header) -> list[str]:
    """What is in a tar, said so that `datasets` neither guesses from the first samples nor needs a decoder of sound or video:
    those are bytes there. Parquet shards say it themselves."""
    if not header.members or header.recipe.get("format") == "parquet":
        return []
    kinds = {name: "image" if name.endswith(".jpg") else "json" if name == ROW else "binary" for name in header.members}
    named = {**kinds, "__key__": "string", "__url__": "string"}
    told = (f"  - {{name: {name}, dtype: {kind}}}" for name, kind in named.items())
    return ["dataset_info:", "  features:", *told]


def _pattern(split: str, header: Header) -> str:
    if not header.members:
        return f"manifest/{split}.parquet"
    return f"data/{split}-*.parquet" if header.recipe.get("format") == "parquet" else f"{split}/*.tar"


def _synthetic_words(n_synthetic: int, n: int) -> str:
    if n_synthetic == n:
        return "; every figure measured on these data is one on synthetic data"
    return "; in the training split only" if n_synthetic else ""


def _split_line(split: str, classes: Sequence[str], clips: Sequence[Clip]) -> str:
    counts = Counter(clip.label for clip in clips if clip.split == split)
    cells = [*(counts[name] for name in classes), counts[None], sum(counts.values())]
    return f"| {split} | " + " | ".join(map(str, cells)) + " |"
