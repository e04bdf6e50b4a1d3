"""What card and Croissant say in the same words: uses, limits, licences, what attackers found."""

from collections.abc import Sequence

from gerdata.clip import Clip
from gerdata.manifest import Header

INTENDED_USE = "Research on the emotion of a group as a whole, and on methods that do without features of individuals."
EXCLUDED_USES = (
    "Not for scoring people at work or in education, for the emotion of an individual, for identifying anybody, or for "
    "surveillance.",
    "Emotion recognition at work and in education is prohibited in the EU (Regulation 2024/1689, Art. 5(1)(f)).",
)
NOT_PREVENTED = (
    "Who can find the public original of a clip can identify the people in it.",
    "Clothes, places, motion and timing may still tell.",
    "A detector that missed a head left it clear.",
)


def title_of(header: Header, clips: Sequence[Clip]) -> str:
    """What there is, in one clause."""
    n = sum(clip.is_synthetic for clip in clips)
    return f"{len(clips)} samples of groups, {n} of them synthetic, in the classes {', '.join(header.classes)}"


def attacks_of(header: Header) -> list[str]:
    """Every line that may be published of what attackers, and those who looked for shortcuts, found."""
    return [line for one in header.parents for line in one.get("audit", "").split("\n") if line]


def licences_told(header: Header) -> list[str]:
    """Source and licence of each parent whose terms are known."""
    return [f"{one['source']}: {one['licence']}" for one in header.parents if "licence" in one]
