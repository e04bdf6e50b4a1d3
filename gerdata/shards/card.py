"""The card of a release: `README.md` with the front matter that Hugging Face `datasets` reads."""

from collections import Counter
from collections.abc import Sequence

from gerdata.clip import SPLITS, Clip
from gerdata.manifest import Header

_USES = """\
## Intended use
Research on the emotion of a *group* as a whole, and on methods that do without features of individuals.

## Excluded uses
Scoring people at work or in education, the emotion of an individual, identifying anybody, surveillance. Emotion recognition
at work and in education is prohibited in the EU (Regulation 2024/1689, Art. 5(1)(f)).

## What no processing prevents
Who can find the public original of a clip can identify the people in it. Clothes, places, motion and timing may still tell.
"""


def card(header: Header, clips: Sequence[Clip]) -> str:
    """The whole card. It is a function of the header and the rows; it knows no date, host or path."""
    n_synthetic = sum(clip.is_synthetic for clip in clips)
    held = [split for split in SPLITS if any(clip.split == split for clip in clips)]
    rules = sorted({clip.label_rule for clip in clips if clip.label_rule})
    lines = [
        *_front_matter(header, held, n_synthetic, len(clips)),
        "# A release of clips of groups",
        "",
        header.notice[:1].upper() + header.notice[1:] + ".",
        "",
        f"- protection: {header.protection}",
        f"- synthetic: {n_synthetic} of {len(clips)} samples" + _synthetic_words(n_synthetic, len(clips)),
        f"- with sound: {sum(clip.has_audio for clip in clips)} of {len(clips)}",
        f"- frames a sample: {header.n_frames}; members: {', '.join(header.members)}",
        f"- label rule of the synthetic samples: {', '.join(rules) or 'none'}",
        "",
        "| split | " + " | ".join((*header.classes, "unlabelled", "all")) + " |",
        "|---" * (len(header.classes) + 3) + "|",
        *(_split_line(split, header.classes, clips) for split in held),
        "",
        *_covered(header),
        *_attacks(header),
        _USES,
    ]
    return "\n".join(lines)


def _attacks(header: Header) -> list[str]:
    """What attackers found of every parent of real people, and what was found by those who looked for shortcuts, of any."""
    lines = ["## What attackers found"]
    for parent in header.parents:
        if parent["stage"] != "synth" or parent.get("audit"):
            lines += ["", _with_points(f"{parent['protection']}: {parent.get('audit') or 'not audited'}")]
    return [*lines, ""] if len(lines) > 1 else []


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


def _with_points(text: str) -> str:
    return text.replace("\n", "\n- ")


def _front_matter(header: Header, held: Sequence[str], n_synthetic: int, n: int) -> list[str]:
    tags = ["group-emotion-recognition", "webdataset"] + (["synthetic"] if n_synthetic == n else [])
    return [
        "---",
        f"tags: [{', '.join(tags)}]",
        "configs:",
        "- config_name: default",
        "  data_files:",
        *(f'  - {{split: {split}, path: "{split}/*.tar"}}' for split in held),
        "---",
    ]


def _synthetic_words(n_synthetic: int, n: int) -> str:
    if n_synthetic == n:
        return "; every figure measured on these data is one on synthetic data"
    return "; in the training split only" if n_synthetic else ""


def _split_line(split: str, classes: Sequence[str], clips: Sequence[Clip]) -> str:
    counts = Counter(clip.label for clip in clips if clip.split == split)
    cells = [*(counts[name] for name in classes), counts[None], sum(counts.values())]
    return f"| {split} | " + " | ".join(map(str, cells)) + " |"
