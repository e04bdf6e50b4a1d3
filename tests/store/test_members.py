"""Pictures, sounds and samples as bytes: stable, without metadata, and back again."""

import contextlib
import dataclasses
import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gerdata.clip import BodyMaps, Clip, Quality, Sample, Structure
from gerdata.errors import DatasetError
from gerdata.media.audio import decode_audio, encode_flac, encode_wav
from gerdata.media.images import decode_jpeg, encode_jpeg
from gerdata.store import members


def sample_of(t: int = 2, p: int = 3) -> Sample:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:32, 0:48]
    frames = np.stack([np.stack([x * 5, y * 7, x + y + 9 * i], -1) for i in range(t)]).astype(np.uint8)
    audio = rng.uniform(-0.9, 0.9, 1600).astype(np.float32)
    structure = Structure.empty(t, p)
    structure.heads[:] = rng.uniform(0, 32, structure.heads.shape)
    plan = '{"cast":3,"people":[1,2]}'
    clip = Clip(
        id="abc",
        group="g",
        label="positive",
        split="train",
        duration_s=0.1,
        n_frames=t,
        height_px=32,
        width_px=48,
        has_audio=True,
        is_synthetic=True,
        protection="synthetic",
        n_people=p,
        label_soft=(0.7, 0.2, 0.1),
        label_margin=0.5,
        label_rule="r",
        label_original="1",
        fold=2,
        quality=Quality(brightness=0.4, n_cuts=1, loudness_lufs=-24),
        plan=plan,
    )
    return Sample(clip, frames, audio, structure)


def test_a_sample_comes_back_from_its_members() -> None:
    sample = sample_of()
    held = members.encode(sample, 92)
    assert (
        tuple(held)
        == members.suffixes(2, has_structure=True)
        == ("f00.jpg", "f01.jpg", "flac", "json", "structure.npz")
    )
    back = members.decode(held)
    assert back.clip == sample.clip
    assert np.abs(back.frames.astype(int) - sample.frames).mean() < 3
    assert np.abs(back.audio - sample.audio).max() <= 1 / 32768
    assert back.structure is not None
    assert sample.structure is not None
    np.testing.assert_array_equal(back.structure.heads, sample.structure.heads)
    np.testing.assert_array_equal(back.structure.faces, sample.structure.faces)
    assert members.encode(sample, 92) == held


def test_members_carry_no_metadata() -> None:
    held = members.encode(sample_of(), 92)
    assert b"Exif" not in held["f00.jpg"]
    assert b"http" not in held["f00.jpg"]
    assert held["flac"][:4] == b"fLaC"
    times = {info.date_time for info in zipfile.ZipFile(io.BytesIO(held["structure.npz"])).infolist()}
    assert times == {(1980, 1, 1, 0, 0, 0)}


@settings(max_examples=25)
@given(hnp.arrays(np.float32, st.integers(1, 5000), elements=st.floats(-1, 1, width=32)))
def test_sound_keeps_its_length_and_its_samples(audio: np.ndarray) -> None:
    for encode in (encode_flac, encode_wav):
        back = decode_audio(encode(audio))
        assert back.shape == audio.shape
        assert back.dtype == np.float32
        assert np.abs(back - audio).max(initial=0) <= 1 / 32768 + 1e-7


def test_colours_are_not_swapped() -> None:
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 200
    back = decode_jpeg(encode_jpeg(red, 95))
    assert abs(int(back[8, 8, 0]) - 200) < 5
    assert back[8, 8, 2] < 10


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"GIF89a", bytes(100)])
def test_what_does_not_decode_is_said_so(data: bytes) -> None:
    with pytest.raises(DatasetError):
        decode_jpeg(data)
    with pytest.raises(DatasetError):
        decode_audio(data)
    with pytest.raises(DatasetError):
        members.decode_structure(data)
    with pytest.raises(DatasetError):
        members.decode_clip(data)


def test_a_pickled_structure_is_never_unpickled() -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (pytest.fail, ("unpickled",))

    out = io.BytesIO()
    np.savez(out, heads=np.array([Bomb()], dtype=object), bodies=np.zeros(1), faces=np.zeros(1))
    with pytest.raises(DatasetError):
        members.decode_structure(out.getvalue())


def test_a_structure_that_unpacks_to_too_much_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("heads.npy", bytes(members.STRUCTURE_LIMIT_BYTES + 1))
    with pytest.raises(DatasetError, match="unpacks to over"):
        members.decode_structure(out.getvalue())


def test_shapes_that_lie_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Structure\.bodies"):
        Structure(
            np.zeros((1, 2, 4), np.float32), np.zeros((1, 3, 17, 3), np.float32), np.zeros((1, 2, 68, 2), np.float32)
        )
    with pytest.raises(ValueError, match=r"Sample\.frames"):
        Sample(sample_of().clip, np.zeros((2, 4, 4, 3), np.float32), np.zeros(4, np.float32))  # type: ignore[arg-type]


def test_how_much_of_a_face_is_seen_comes_back_where_it_is_known_and_is_a_share() -> None:
    plain = Structure.empty(2, 3)
    plain.bodies[..., 2] = 0
    assert members.decode_structure(members.encode_structure(plain)).seen is None
    for value, is_share in ((0.25, True), (1.5, False), (np.nan, False)):
        data = members.encode_structure(dataclasses.replace(plain, seen=np.full((2, 3), value, np.float32)))
        if is_share:
            seen = members.decode_structure(data).seen
            assert seen is not None
            assert seen.tolist() == [[0.25] * 3] * 2
        else:
            with pytest.raises(DatasetError, match="a share is from 0 to 1"):
                members.decode_structure(data)
    with pytest.raises(ValueError, match=r"Structure\.seen"):
        dataclasses.replace(plain, seen=np.zeros((2, 4), np.float32))


def maps_of(t: int = 2) -> BodyMaps:
    maps = np.random.default_rng(3).integers(0, 256, (t, 18, 56, 56)).astype(np.uint8)
    maps[0] = 0
    return BodyMaps(maps, np.arange(t) > 0)


def test_limb_maps_come_back_and_have_stable_bytes() -> None:
    sample = dataclasses.replace(sample_of(), structure=None, limbs=maps_of())
    held = members.encode(sample, 92)
    assert (
        tuple(held) == members.suffixes(2, False, has_limbs=True) == ("f00.jpg", "f01.jpg", "flac", "json", "limbs.npz")
    )
    back = members.decode(held).limbs
    assert back is not None
    np.testing.assert_array_equal(back.maps, maps_of().maps)
    assert back.has_people.tolist() == [False, True]
    assert members.encode(sample, 92) == held
    with pytest.raises(ValueError, match=r"Sample\.limbs: 3 frames for 2"):
        dataclasses.replace(sample, limbs=maps_of(3))


def archive(**arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def lying_header() -> bytes:
    """An array that says that it is terabytes large."""
    out = io.BytesIO()
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": (1 << 42, 18, 56, 56)})
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("maps.npy", head.getvalue() + bytes(10))
        file.writestr("has_people.npy", head.getvalue())
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04" + bytes(40),
        lying_header(),
        archive(maps=np.zeros((1, 18, 56, 56), np.float32), has_people=np.ones(1, np.bool_)),
        archive(maps=np.zeros((1, 20, 56, 56), np.uint8), has_people=np.ones(1, np.bool_)),
        archive(maps=np.zeros((2, 18, 56, 56), np.uint8), has_people=np.ones(1, np.bool_)),
        archive(maps=np.ones((1, 18, 56, 56), np.uint8), has_people=np.zeros(1, np.bool_)),
        archive(maps=np.zeros((1, 18, 56, 56), np.uint8)),
        archive(maps=np.zeros((1, 18, 56, 56), np.uint8), has_people=np.ones(1, np.bool_), faces=np.zeros(3)),
    ],
)
def test_what_is_no_limb_maps_is_refused(data: bytes) -> None:
    with pytest.raises(DatasetError):
        members.decode_limbs(data)


def test_places_and_visibilities_that_are_none_are_refused() -> None:
    for name, value in (("heads", np.inf), ("bodies", 3.0), ("faces", -np.inf)):
        structure = Structure.empty(1, 1)
        getattr(structure, name)[..., -1] = value
        with pytest.raises(DatasetError, match=r"visibility is|is infinite"):
            members.decode_structure(members.encode_structure(structure))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 255), st.booleans())
def test_damage_is_told_or_changes_only_numbers(at: int, by: int, is_structure: bool) -> None:
    """Any one byte changed: the arrays come back with the shapes they need, or it is a `DatasetError`; nothing else."""
    data = bytearray(
        members.encode_structure(Structure.empty(2, 1)) if is_structure else members.encode_limbs(maps_of())
    )
    data[at % len(data)] ^= by
    with contextlib.suppress(DatasetError):
        (members.decode_structure if is_structure else members.decode_limbs)(bytes(data))
