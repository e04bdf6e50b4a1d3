import math

import pytest
import torch
from torch import Tensor

from gerdata.errors import RecipeError
from gerdata.learn.cross_attention import CrossAttention, Output, Wiring, nearest_in_time, segment_means
from gerdata.learn.pooling import FramesAttentionPooling, make_pool, positions
from gerdata.learn.sound_encoder import MIN_PAPER, PAPER_WIDTH, PaperSoundEncoder

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


def wired(**how: object) -> CrossAttention:
    torch.manual_seed(0)
    return CrossAttention(3, WIDTH, MELS, 0.0, Wiring(segments=S, **how)).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize(("query", "asks", "answers", "fused"), [
    ("audio", S, T, 3 * WIDTH), ("video", T, S, 3 * WIDTH), ("both", S, T, 4 * WIDTH),
])  # fmt: skip
def test_every_direction_has_its_queries_keys_and_parts(query: str, asks: int, answers: int, fused: int) -> None:
    output = wired(query=query)(*clips(), ALL, ALL)
    assert output.attention.shape == (B, asks, answers)
    assert output.pooling.shape == (B, asks)
    assert output.fused.shape == (B, fused)
    assert torch.allclose(output.attention.sum(2), torch.ones(B, asks))


def test_a_direction_is_the_attention_of_torch_over_its_tokens() -> None:
    for query in ("audio", "video", "both"):
        model = wired(query=query)
        video, audio = clips()
        frames, sounds = model.picture(video), model.sound(audio)
        sounds = model.block(sounds + positions(S, WIDTH))
        near_frame, near_sound = nearest_in_time(S, T), nearest_in_time(T, S)
        if query == "video":
            wanted = torch.cat([sounds[:, near_sound], model.cross(frames, sounds, sounds)[0], frames], dim=2)
        else:
            parts = [sounds, model.cross(sounds, frames, frames)[0]]
            if model.cross_back is not None:
                parts.append(model.cross_back(frames, sounds, sounds)[0][:, near_frame])
            wanted = torch.cat([*parts, frames[:, near_frame]], dim=2)
        pooled, _ = model.pool(wanted)
        assert torch.allclose(model(video, audio, ALL, ALL).fused, pooled, atol=1e-5)


def test_fap_is_a_weighted_sum_in_plain_loops() -> None:
    torch.manual_seed(0)
    pool, tokens = FramesAttentionPooling(6), torch.randn(2, 4, 6)
    pooled, alpha = pool(tokens)
    for b in range(2):
        scores = [sum(pool.score.weight[0, i].item() * tokens[b, t, i].item() for i in range(6)) for t in range(4)]
        shares = [math.exp(s) / sum(math.exp(other) for other in scores) for s in scores]
        assert alpha[b].tolist() == pytest.approx(shares, abs=1e-5)
        for i in range(6):
            wanted = sum(shares[t] * tokens[b, t, i].item() for t in range(4))
            assert pooled[b, i].item() == pytest.approx(wanted, abs=1e-5)


def test_mean_and_flatten_are_what_they_say() -> None:
    tokens = torch.randn(2, 4, 6)
    (mean, width), (flat, long) = make_pool("mean", 6, 4), make_pool("flatten", 6, 4)
    assert (width, long) == (6, 24)
    assert torch.equal(mean(tokens)[0], tokens.mean(1))
    assert torch.equal(flat(tokens)[0], tokens.view(2, 24))
    with pytest.raises(ValueError, match="expected 4 tokens to flatten, came 3"):
        flat(tokens[:, :3])
    assert wired(pooling="flatten")(*clips(), ALL, ALL).logits.shape == (B, 3)
    assert wired(pooling="mean")(*clips(), ALL, ALL).fused.shape == (B, 3 * WIDTH)


def test_seventy_five_frames_become_five_means_of_fifteen_before_they_are_looked_at() -> None:
    tokens = torch.arange(75, dtype=torch.float32)[None, :, None].expand(2, 75, 3)
    assert segment_means(tokens, 5)[0, :, 0].tolist() == [7, 22, 37, 52, 67]
    model = wired(alignment="segments")
    video, audio = torch.randint(0, 256, (1, 6, 3, 32, 32), dtype=torch.uint8), clips()[1][:1]
    output = model(video, audio, ALL[:1], ALL[:1])
    assert output.attention.shape == (1, S, S)
    swapped = video[:, [1, 0, 2, 3, 4, 5]]  # within a segment: the mean stays
    assert torch.allclose(output.logits, model(swapped, audio, ALL[:1], ALL[:1]).logits, atol=1e-5)
    with pytest.raises(RecipeError, match="a multiple of 3 frames a clip, came 5"):
        model(*clips(), ALL, ALL)


def test_tokens_made_before_stand_for_the_frames() -> None:
    model = wired()
    video, audio = clips()
    before = model(video, audio, ALL, present(1, 0, 1, 1)).logits
    tokens = model.picture(video)
    told = model(torch.zeros(B, T, 3, 1, 1, dtype=torch.uint8), audio, ALL, present(1, 0, 1, 1), tokens).logits
    assert torch.allclose(before, told, atol=1e-5)


def test_the_papers_sound_network_takes_106_cells_a_side_and_no_fewer() -> None:
    network = PaperSoundEncoder()
    assert network(torch.zeros(1, 1, 1, MIN_PAPER, MIN_PAPER)).shape == (1, 1, PAPER_WIDTH)
    with pytest.raises(RuntimeError):
        network(torch.zeros(1, 1, 1, MIN_PAPER, MIN_PAPER - 1))
