import pytest
from varied import draw_sample

from gerdata.clip import Sample


@pytest.fixture
def sample() -> Sample:
    return draw_sample()
