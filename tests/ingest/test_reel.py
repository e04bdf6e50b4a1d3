"""What the one pass hands out is what decoding each clip on its own gives, in bounded memory."""

from pathlib import Path

import numpy as np
import pytest
from making import bars, tone

from gerdata.ingest.reel import Look, Piece, Reel, SoundStore
from gerdata.ingest.segments import Cutter, Knife, cut
from gerdata.media.address import Address
from gerdata.media.decode import Stretch, frames, kept_frames, sound
from gerdata.media.encode import write_clip
from gerdata.media.examine import Examined, examine
from gerdata.media.limits import MediaLimits
from gerdata.media.quality import CutFinder

LIMITS = MediaLimits()
KNIFE = Knife(5.0, 5.0, 2.5)


def run(path: Path, knife: Knife = KNIFE, look: Look | None = None) -> tuple[Examined, list[Piece]]:
    pieces: list[Piece] = []
    reel = Reel(Cutter(knife), look or Look(LIMITS.max_pixels, still_every_s=2.5), pieces.append)
    told = examine(Address.of(path), LIMITS, lambda seconds: None, reel)
    reel.close(told.duration_s, told.has_video)
    return told, pieces


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reel") / "long.mp4"
    audio = tone(17.3) * np.linspace(0.1, 1, round(17.3 * 16000), dtype=np.float32)
    write_clip(path, bars(round(17.3 * 20)), 20, audio)
    return path


@pytest.mark.parametrize("knife", [KNIFE, Knife(5.0, 3.0, 2.0), Knife(60.0, 60.0, 2.5)])
def test_pieces_are_what_decoding_each_clip_gives(long_clip: Path, knife: Knife) -> None:
    told, pieces = run(long_clip, knife)
    assert [piece.segment for piece in pieces] == cut(told.duration_s, knife)
    for piece in pieces:
        stretch = Stretch(piece.segment.start_s, piece.segment.duration_s, told.origin_s)
        heard = sound(Address.of(long_clip), LIMITS, stretch)
        assert heard is not None
        assert piece.audio is not None
        assert np.abs(heard - piece.audio).max() < 2e-3
        n = round(piece.segment.duration_s * 8)
        assert abs(len(piece.grey) - n) <= 1
        times_s = (np.arange(len(piece.grey)) + 0.5) / 8
        shown = [f.grey() for _, f in kept_frames(frames(Address.of(long_clip), LIMITS, stretch), list(times_s))]
        if piece.segment.start_s * 8 % 1 == 0:
            np.testing.assert_array_equal(piece.grey, np.stack(shown))


def test_a_still_is_one_piece_of_one_glance(tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(bars(1, 96, 128)[0]).save(tmp_path / "a.png")
    told, pieces = run(tmp_path / "a.png")
    assert (told.duration_s, told.flags) == (0.0, ("still-image", "no-audio"))
    assert [(piece.grey.shape, piece.audio, len(piece.stills)) for piece in pieces] == [((1, 36, 48), None, 1)]
    np.testing.assert_array_equal(pieces[0].stills[0], bars(1, 96, 128)[0])


def test_sound_alone_is_cut_too(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", tone(12.0), 16000)
    told, pieces = run(tmp_path / "a.wav")
    assert (told.has_video, told.has_audio) == (False, True)
    assert [piece.segment.duration_s for piece in pieces] == [5.0, 7.0]
    assert all(len(piece.grey) == 0 and piece.audio is not None for piece in pieces)
    np.testing.assert_allclose(pieces[1].audio[:1000], tone(12.0)[80000:81000], atol=1e-3)


def test_scenes_are_not_mixed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scenes = [rng.integers(0, 255, (6, 8, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1) for _ in range(3)]
    shown = [scenes[0]] * 80 + [scenes[1]] * 80 + [scenes[2]] * 80  # cuts at 4 and 8 s
    write_clip(tmp_path / "a.mp4", shown, 20, tone(12.0))
    look = Look(LIMITS.max_pixels, finder=CutFinder(), is_by_scene=True)
    _, pieces = run(tmp_path / "a.mp4", Knife(5.0, 5.0, 2.0), look)
    assert [piece.segment.start_s for piece in pieces] == pytest.approx([0, 4, 8], abs=0.06)
    _, whole = run(tmp_path / "a.mp4", Knife(60.0, 60.0, 2.0), Look(LIMITS.max_pixels, finder=CutFinder()))
    assert whole[0].cuts_s == pytest.approx((4, 8), abs=0.06)


def test_what_is_certain_is_forgotten(long_clip: Path) -> None:
    pieces: list[Piece] = []
    reel = Reel(Cutter(Knife(1.0, 1.0, 0.5)), Look(LIMITS.max_pixels), pieces.append)
    most = 0

    class Watch:
        def picture(self, shown: object) -> None:
            nonlocal most
            reel.picture(shown)
            most = max(most, len(reel._glances))

        def sound(self, at_s: float, samples: np.ndarray) -> None:
            reel.sound(at_s, samples)

    examine(Address.of(long_clip), LIMITS, lambda seconds: None, Watch())
    assert most < 8 * 5  # of 138


def test_sound_is_kept_where_it_was_put() -> None:
    store = SoundStore()
    assert store.get(0, 1) is None
    store.put(0.5, np.ones(16000, np.float32))
    store.put(-0.25, np.full(8000, 0.5, np.float32))
    got = store.get(0, 2)
    assert got is not None
    assert [float(got[i]) for i in (0, 3999, 4000, 7999, 8000, 23999, 24000)] == [0.5, 0.5, 0, 0, 1, 1, 0]
    store.forget(1.2)
    assert store.get(0, 1).max() == 0
    assert store.get(1, 1).max() == 1
