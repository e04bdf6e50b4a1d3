from hypothesis import given
from hypothesis import strategies as st

from gerdata.engine.run import even_cuts
from gerdata.privacy.stage import LEAST_PARTS, MOST_PER_PART, part_size


@given(st.integers(0, 100_000))
def test_few_clips_are_enough_parts_for_all_cores_and_many_are_few_to_a_part(n):
    size = part_size(n)
    cuts = even_cuts(n, size, has_media=True)
    assert sum(cut.size for cut in cuts) == n
    assert 1 <= size <= MOST_PER_PART
    assert len(cuts) >= min(n, LEAST_PARTS)
