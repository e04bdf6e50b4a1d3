import pytest
import torch
from torch import Tensor

from gerdata.learn.cross_attention import CrossAttention, Output, nearest_in_time

B, T, S, MELS, COLUMNS, WIDTH = 4, 5, 3, 16, 20, 16


@pytest.fixture
def model() -> CrossAttention:
    torch.manual_seed(0)
    return CrossAttention(3, WIDTH, MELS, dropout=0.1)


def clips(seed: int = 0) -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(seed)
    video = torch.randint(0, 256, (B, T, 3, 32, 32), generator=chance, dtype=torch.uint8)
    return video, 20 * torch.randn((B, S, 1, MELS, COLUMNS), generator=chance) - 30


def present(*flags: int) -> Tensor:
    return torch.tensor(flags, dtype=torch.bool)


ALL = present(1, 1, 1, 1)


def test_shapes_of_all_outputs_and_attention_sums_to_one(model: CrossAttention) -> None:
    output: Output = model.eval()(*clips(), ALL, ALL)
    assert output.logits.shape == (B, 3)
    assert output.attention.shape == (B, S, T)
    assert output.pooling.shape == (B, S)
    assert torch.allclose(output.attention.sum(2), torch.ones(B, S))
    assert torch.allclose(output.pooling.sum(1), torch.ones(B))


@pytest.mark.parametrize("training", [True, False])
def test_what_a_missing_modality_would_have_held_changes_nothing(model: CrossAttention, training: bool) -> None:
    model.train(training)
    (video, audio), (other_video, other_audio) = clips(0), clips(1)
    has_video, has_audio = present(1, 0, 1, 1), present(1, 1, 0, 1)
    changed_video, changed_audio = video.clone(), audio.clone()
    changed_video[1], changed_audio[2] = other_video[1], other_audio[2]
    torch.manual_seed(1)
    before = model(video, audio, has_video, has_audio).logits
    torch.manual_seed(1)
    assert torch.equal(before, model(changed_video, changed_audio, has_video, has_audio).logits)
    torch.manual_seed(1)
    assert not torch.equal(before, model(changed_video, changed_audio, ALL, ALL).logits)


def test_without_sound_the_queries_still_tell_the_segments_apart(model: CrossAttention) -> None:
    attention = model.eval()(*clips(), ALL, present(0, 0, 0, 0)).attention
    assert not torch.allclose(attention[:, 0], attention[:, 1])


def test_clips_do_not_see_each_other_when_measured(model: CrossAttention) -> None:
    video, audio = clips()
    together = model.eval()(video, audio, ALL, ALL).logits
    alone = model(video[:1], audio[:1], ALL[:1], ALL[:1]).logits
    assert torch.allclose(together[:1], alone, atol=1e-5)


def test_a_gradient_reaches_every_parameter(model: CrossAttention) -> None:
    output = model(*clips(), present(1, 1, 1, 0), present(1, 1, 0, 1))
    output.logits.square().sum().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


@pytest.mark.parametrize(
    ("segments", "frames", "wanted"),
    [(5, 5, [0, 1, 2, 3, 4]), (5, 1, [0] * 5), (2, 4, [0, 2]), (3, 2, [0, 0, 1]), (1, 3, [1])],
)
def test_each_segment_takes_the_frame_nearest_in_time_the_earlier_of_two(
    segments: int, frames: int, wanted: list[int]
) -> None:
    assert nearest_in_time(segments, frames).tolist() == wanted
