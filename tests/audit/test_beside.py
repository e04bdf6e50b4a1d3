"""Two releases side by side: what links them is found, what does not is not."""

from dataclasses import replace

import pytest

from gerdata.audit.beside import _columns, _hits, _order
from gerdata.chance import rng_for
from gerdata.clip import Clip
from gerdata.manifest import Row


def rows(n: int, release: str) -> list[Row]:
    """Of the same sources: the duration tells three apart, duration and people together all within a label."""
    return [
        Row(
            Clip(
                f"{release}-{i}",
                f"g{release}-{i}",
                "neutral",
                "train",
                1.0 + i % 3,
                n_people=i // 3,
                protection=release,
            )
        )
        for i in range(n)
    ]


def test_an_order_that_is_kept_fails_also_backwards() -> None:
    n = 40
    assert _order("order", [(i, i + 7) for i in range(n)]).status == "failed"
    assert _order("order", [(i, n - i) for i in range(n)]).status == "failed"
    drawn = rng_for(0, "order").permutation(n)
    assert _order("order", list(zip(range(n), drawn.tolist(), strict=True))).status == "passed"
    assert _order("order", [(0, 0), (1, 1)]).status == "underpowered"


def test_the_best_combination_of_columns_is_found() -> None:
    verdict = _columns("columns", rows(30, "a"), rows(30, "b"))
    assert verdict.figures[0].value == 1
    assert "duration_s" in verdict.why
    assert "n_people" in verdict.why
    assert "protection" not in verdict.why
    alike = [replace(row, clip=replace(row.clip, duration_s=1.0, n_people=2)) for row in rows(30, "a")]
    assert _columns("columns", alike, rows(30, "b")).figures[0].value == pytest.approx(1 / 30)


def test_hits_are_those_of_a_guesser() -> None:
    assert _hits(["x", "x", "y", "z"], ["x", "x", "y", "w"]) == pytest.approx(0.5 + 0.5 + 1)
