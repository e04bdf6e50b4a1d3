"""Attacks on procedural people with a planted identity: what leaks is found, what is filled is at chance, few are too few."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from gerdata.audit.identify import Views, identify, mark_of
from gerdata.audit.sightings import marked, sighting
from gerdata.audit.voices import speakers
from gerdata.chance import rng_for
from gerdata.clip import Frames
from gerdata.media.images import decode_jpeg, encode_jpeg
from gerdata.people.tracks import Tracks
from gerdata.privacy.heads import BlurHeads, PixelateHeads, RemoveHeads, grown

N, EACH, PX = 32, 30, 128
HEAD = np.array([40.0, 40.0, 88.0, 96.0], np.float32)
TRACKS = Tracks(HEAD[None, None], np.ones(1, np.bool_))


def picture(who: int, number: int) -> Frames:
    """A face that is somebody's (features of place, size and tone), lit and placed by lot, on a background by lot."""
    own, rng = rng_for(0, "face", who), rng_for(0, "picture", who, number)
    frame = np.full((PX, PX, 3), rng.integers(40, 200, 3), np.uint8)
    skin = own.integers(90, 220, 3)
    centre = 64 + rng.integers(-2, 3, 2)
    cv2.ellipse(frame, tuple(map(int, centre + (0, 4))), (int(own.integers(20, 25)), 28), 0, 0, 360, skin.tolist(), -1)
    for side in (-1, 1):
        eye = centre + (side * own.integers(7, 12), own.integers(-12, -4))
        cv2.circle(frame, tuple(map(int, eye)), int(own.integers(2, 5)), own.integers(0, 90, 3).tolist(), -1)
    mouth = centre + (0, own.integers(14, 20))
    cv2.ellipse(frame, tuple(map(int, mouth)), (int(own.integers(5, 12)), 3), 0, 0, 360, (60, 40, 120), -1)
    lit = frame.astype(np.float64) * rng.uniform(0.85, 1.15) + rng.normal(0, 6, frame.shape)
    return np.asarray(lit.clip(0, 255), np.uint8)


class Projection:
    """A stand-in for a network: 64 random directions through the picture, at a sixth of its size."""

    name = "random projection"

    def __init__(self) -> None:
        self.weights = rng_for(0, "projection").normal(0, 0.01, (25 * 25 * 3, 64))

    def embed(self, crops: np.ndarray) -> np.ndarray:
        small = crops.reshape(-1, 25, 6, 25, 6, 3).mean(axis=(2, 4)).reshape(len(crops), -1)
        return np.tanh((small - 127) @ self.weights)


def learned_of(op: RemoveHeads, network: Projection, each: int) -> Views:
    """What a network makes of the same pictures."""
    mask = grown(HEAD[None], PX, PX)[0].astype(np.float32)
    clear, released, mark = [], [], []
    for who in range(N):
        for number in range(each):
            shown = picture(who, number)
            stored = decode_jpeg(encode_jpeg(op.render(shown, TRACKS, 0), 92))
            one = sighting(shown, stored, HEAD, mask)
            assert one.faces is not None
            clear.append(one.faces[0])
            released.append(one.faces[1])
            mark.append(marked(one.faces[1][None], mark_of(0, str(who), 768))[0])
    clips = np.arange(N * each)
    told = [network.embed(np.stack(faces)) for faces in (clear, released, mark)]
    return Views(told[0], told[1], clips // each, clips, told[2])


def views_of(op: RemoveHeads | PixelateHeads | BlurHeads | None, n: int = N, each: int = EACH) -> Views:
    mask = grown(HEAD[None], PX, PX)[0].astype(np.float32)
    seen = []
    for who in range(n):
        for number in range(each):
            clear = picture(who, number)
            released = clear if op is None else op.render(clear, TRACKS, 0)
            one = sighting(clear, decode_jpeg(encode_jpeg(released, 92)), HEAD, mask)
            assert one.inside is not None
            seen.append(one.inside)
    clips = np.arange(len(seen))
    return Views(np.stack([a for a, _ in seen]), np.stack([b for _, b in seen]), clips // each, clips)


def test_filled_heads_are_at_chance() -> None:
    verdict = identify("inside", views_of(RemoveHeads()), 0)
    assert verdict.status == "passed", verdict
    figures = {figure.name: figure for figure in verdict.figures}
    assert figures["clear"].low > 0.5
    assert figures["watermark"].low > 0.5
    assert max(figures[name].high for name in ("naive", "lazy", "retrained", "fused")) <= 2 / N


def test_a_network_is_gated_and_judged_like_pixels() -> None:
    views, learned = views_of(RemoveHeads(), each=12), learned_of(RemoveHeads(), Projection(), each=12)
    verdict = identify("inside", views, 0, learned=learned, name=Projection.name)
    assert verdict.status == "passed", verdict
    assert verdict.attacker.endswith("; random projection")
    figures = {figure.name: figure for figure in verdict.figures}
    assert figures["learned clear"].low > 5 / N
    assert figures["learned watermark"].low > 0.5
    blind = replace(learned, clear=rng_for(0, "blind").normal(0, 1, learned.clear.shape))
    assert identify("inside", views, 0, learned=blind).status == "void"
    deaf = replace(learned, marked=learned.released)
    assert identify("inside", views, 0, learned=deaf).status == "void"
    told = replace(learned, released=learned.clear)  # only the network sees what is left
    assert identify("inside", views, 0, learned=told).status == "failed"


@pytest.mark.parametrize("op", [None, PixelateHeads(8), BlurHeads(0.13)], ids=["clear", "pixelate", "blur"])
def test_cosmetic_heads_are_recognised(op: PixelateHeads | BlurHeads | None) -> None:
    verdict = identify("inside", views_of(op), 0)
    assert verdict.status == "failed", verdict


def test_few_identities_are_too_few_however_well_hidden() -> None:
    assert identify("inside", views_of(RemoveHeads(), 10), 0).status == "underpowered"


def test_an_attacker_who_sees_nothing_makes_the_answer_void() -> None:
    views = views_of(RemoveHeads())
    noise = rng_for(0, "noise").normal(127, 20, views.clear.shape)
    assert identify("inside", Views(noise, views.released, views.identity, views.clip), 0).status == "void"


def test_speakers_who_are_told_apart_fail_and_few_are_too_few() -> None:
    rng = rng_for(0, "voices")
    who, clip = np.repeat(np.arange(24), 12), np.arange(24 * 12)
    clear = rng.normal(0, 1, (24, 40))[who] + rng.normal(0, 0.4, (len(who), 40))
    noise = rng.normal(0, 1, clear.shape)
    gender = who % 2
    assert speakers(Views(clear, clear, who, clip), gender, 0).status == "failed"
    assert speakers(Views(clear, noise, who, clip), gender, 0).status in ("passed", "underpowered")
    assert speakers(Views(noise, noise, who, clip), gender, 0).status == "void"
    few = who < 10
    verdict = speakers(Views(clear[few], noise[few], who[few], clip[few]), gender[few], 0)
    assert verdict.status == "underpowered"
