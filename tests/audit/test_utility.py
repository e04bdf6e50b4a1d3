"""What protection costs: quarantine that is much or uneven is said, and so is what the labels lose by it."""

import numpy as np
import pytest

from gerdata.audit.utility import Fate, Taught, fate_of, quarantine, utility
from gerdata.chance import rng_for

CLASSES = ("positive", "neutral", "negative")


def fates(kept: dict[str, int], refused: dict[str, int]) -> list[Fate]:
    return [fate_of(is_kept, label, 4, 30.0) for is_kept, counts in ((True, kept), (False, refused))
            for label, n in counts.items() for _ in range(n)]  # fmt: skip


@pytest.mark.parametrize(
    ("kept", "refused", "is_skewed"),
    [
        ({"positive": 95, "negative": 95}, {"positive": 5, "negative": 5}, False),  # 5 % is allowed
        ({"positive": 94, "negative": 95}, {"positive": 6, "negative": 5}, True),  # more is not
        ({"positive": 1000, "negative": 970}, {"positive": 0, "negative": 30}, True),  # 1.5 %, of one label
        ({"positive": 985, "negative": 985}, {"positive": 10, "negative": 20}, False),  # a ratio of 2, by chance
        ({"positive": 20, "negative": 19}, {"negative": 1}, False),
    ],
)
def test_much_or_uneven_quarantine_is_skewed(kept: dict[str, int], refused: dict[str, int], is_skewed: bool) -> None:
    verdict, told = quarantine(fates(kept, refused))
    assert told == is_skewed, verdict
    assert verdict.figures[0].n == sum(kept.values()) + sum(refused.values())


def test_quarantine_is_told_by_label_people_and_head() -> None:
    verdict, _ = quarantine([fate_of(True, "neutral", 8, 12.0), fate_of(False, None, None, None)])
    assert {one.name for one in verdict.figures} == {
        "all", "label neutral", "label unlabelled", "people 6 and more", "people unknown", "head under 20 px", "head unknown",
    }  # fmt: skip


def taught(n: int, name: str, classes: tuple[int, ...] = (0, 1, 2), is_test: bool | None = None) -> Taught:
    rng = rng_for(0, "taught", name)
    label = rng.choice(classes, n)
    x = np.eye(3)[label] @ rng_for(0, "means").normal(0, 1, (3, 8)) + rng.normal(0, 0.3, (n, 8))
    return Taught(x, label, rng.random(n) < 0.5 if is_test is None else np.full(n, is_test))


def test_labels_that_only_the_quarantined_had_are_missed() -> None:
    """All clips of one label but two were refused: what was kept alone does not tell it."""
    clear, refused = taught(300, "clear", (0, 1)), taught(150, "refused", (2,))
    verdict = utility(clear, clear, CLASSES, refused)
    value = {one.name: one.value for one in verdict.figures}
    assert verdict.status == "reported"
    assert value["recall of negative with quarantined"] > 0.9
    assert value["recall of negative without quarantined"] == 0
    assert value["accuracy with quarantined"] > value["accuracy without quarantined"] + 0.2
    assert np.isnan(value["recall of negative clear"])
    assert "without quarantined" in verdict.why


def test_without_quarantine_there_are_two_figures_a_class() -> None:
    clear = taught(300, "clear")
    noise = Taught(rng_for(0, "noise").normal(0, 1, clear.x.shape), clear.label, clear.is_test)
    verdict = utility(clear, noise, CLASSES)
    value = {one.name: one.value for one in verdict.figures}
    assert len(value) == 2 * (1 + len(CLASSES))
    assert value["accuracy clear"] > 0.9
    assert value["accuracy released"] < 0.5
    assert utility(taught(40, "few"), taught(40, "few"), CLASSES).status == "underpowered"
    assert utility(taught(40, "none", is_test=False), clear, CLASSES).status == "skipped"
