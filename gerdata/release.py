"""Reading a release: `gerdata.open_release("release", "train")[0]`. NumPy alone; no framework is imported."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from gerdata.clip import SAMPLE_RATE_HZ, SPLITS, Audio, Frames, Sample
from gerdata.errors import DatasetError, UsageError
from gerdata.manifest import Header
from gerdata.media.audio import decode_audio, decode_audio_into
from gerdata.media.images import decode_jpeg_into, jpeg_size
from gerdata.media.mp4 import decode_mp4
from gerdata.store.home import CACHE_LIMIT_BYTES, Home, home_of
from gerdata.store.index import Ids, Index, Ints
from gerdata.store.members import LIMBS, STRUCTURE, VIDEO, decode_clip, decode_limbs, decode_structure
from gerdata.store.samples import Samples

SOUNDS = ("flac", "wav")
LONGEST_S = 3600.0  # of one sample's sound


class ReleaseDataset:
    """One split of a release, in the order of its manifest, each sample decoded when it is asked for.

    A map-style dataset: `len`, `[i]`, iteration, slices; pickles (as its place) for workers of any start method. `labels`
    are places in `classes`, -1 where a clip has none. Reading a sample is one read of one stretch of a shard.
    """

    def __init__(self, home: Home, split: str) -> None:
        self.home, self.split = home, split
        self.header: Header = read_header(home)
        self.members = self.header.members
        self.frame_members = tuple(name for name in self.members if name.endswith(".jpg"))
        sounds = [name for name in SOUNDS if name in self.members]
        if not (self.frame_members or VIDEO in self.members) or not sounds:
            raise DatasetError(
                f"{home.name}: samples hold {', '.join(self.members) or 'nothing'}; this reads shards with fNN.jpg or mp4, and "
                "flac or wav; shard it again with media"
            )
        self.sound_member = sounds[0]
        self.n_frames = len(self.frame_members) or self.header.n_frames
        self.index = Index(home.file(f"manifest/{split}.parquet"), self.members)
        self.samples = Samples(home, self.index)
        self._labels: Ints | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the labels."""
        return self.header.classes

    @property
    def ids(self) -> Ids:
        """The ids of all samples, in order."""
        return self.index.ids

    @property
    def labels(self) -> Ints:
        """int64 [N]: of each sample the place of its label in `classes`, -1 where it has none."""
        if self._labels is None:
            labels = self.index.codes("label", self.classes)
            if (labels == -2).any():
                row = int(np.flatnonzero(labels == -2)[0])
                word = self.index.column("label")[row].as_py()
                known = ", ".join(self.classes)
                raise DatasetError(f"{self.home.name}: clip {self.ids[row]} has label {word!r}, classes are {known}")
            self._labels = labels
        return self._labels

    @property
    def synthetic(self) -> npt.NDArray[np.bool_]:
        """bool [N]: which samples are synthetic."""
        return self.index.flags("is_synthetic")

    @property
    def frame_shape(self) -> tuple[int, int, int, int]:
        """T, H, W, 3 of the frames of every sample, as the manifest has it for the first one."""
        row = next(self.index.rows(0, 1), None)
        height, width = (row.clip.height_px, row.clip.width_px) if row else (0, 0)
        return self.n_frames, height, width, 3

    def longest(self) -> int:
        """How many samples of sound the longest clip may have: the manifest rounds durations to 0.1 s."""
        longest_s = max(self.index.column("duration_s").to_numpy(), default=0.0)
        return int(min(longest_s + 0.05, LONGEST_S) * SAMPLE_RATE_HZ) + 1

    def __len__(self) -> int:
        return len(self.index)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        if isinstance(index, slice):
            return [self._sample(row) for row in range(len(self))[index]]
        return self._sample(range(len(self))[index])

    def __iter__(self) -> Iterator[Sample]:
        return (self._sample(row) for row in range(len(self)))

    def by_id(self, name: str) -> Sample:
        """The sample of an id; `KeyError` where the split has none."""
        return self._sample(self.ids.find(name))

    def read_into(self, row: int, frames: Frames, audio: Audio) -> int:
        """Decode a sample into `frames: uint8 [T, H, W, 3]` and `audio: float32 [N]` (cut at N, zeros behind its end).

        Returns how long its sound is. `DatasetError` names the sample where it is damaged; the arrays may be half filled.
        """
        members = self.samples[row]
        try:
            if self.frame_members:
                for name, frame in zip(self.frame_members, frames, strict=True):
                    decode_jpeg_into(members[name], frame)
            else:
                video = self._video(members)
                if video.shape != frames.shape:
                    expected, came = (f"{shape[2]} x {shape[1]}" for shape in (frames.shape, video.shape))
                    raise DatasetError(f"expected a video of {expected}, came {came}")
                frames[:] = video
            return decode_audio_into(members[self.sound_member], audio)
        except DatasetError as error:
            raise self._named(row, error) from None

    def media(self, row: int) -> tuple[Frames, Audio]:
        """Frames `uint8 [T, H, W, 3]` and sound `float32 [N]` of a sample. `DatasetError` names it where it is damaged."""
        members = self.samples[row]
        try:
            return self._media(members)
        except DatasetError as error:
            raise self._named(row, error) from None

    def _media(self, members: Mapping[str, memoryview]) -> tuple[Frames, Audio]:
        audio = decode_audio(bytes(members[self.sound_member]))
        if not self.frame_members:
            return self._video(members), audio
        height, width = jpeg_size(members[self.frame_members[0]])
        frames = np.empty((self.n_frames, height, width, 3), np.uint8)
        for name, frame in zip(self.frame_members, frames, strict=True):
            decode_jpeg_into(members[name], frame)
        return frames, audio

    def _video(self, members: Mapping[str, memoryview]) -> Frames:
        """The frames of an MP4, all of which are kept frames; `DatasetError` where they are not as many."""
        frames = decode_mp4(bytes(members[VIDEO]), self.n_frames)
        if len(frames) != self.n_frames:
            raise DatasetError(f"expected a video of {self.n_frames} frames, came {len(frames)}")
        return frames

    def _sample(self, row: int) -> Sample:
        members = self.samples[row]
        try:
            clip = decode_clip(bytes(members["json"]))
            frames, audio = self._media(members)
            structure, limbs = members.get(STRUCTURE), members.get(LIMBS)
            return Sample(
                clip=clip,
                frames=frames,
                audio=audio,
                structure=decode_structure(bytes(structure)) if structure is not None else None,
                limbs=decode_limbs(bytes(limbs)) if limbs is not None else None,
            )
        except (DatasetError, ValueError) as error:
            raise self._named(row, error) from None

    def _named(self, row: int, error: Exception) -> DatasetError:
        return DatasetError(f"{self.home.name}: clip {self.ids[row]}: {error}; run verify")


def open_release(path: str | Path, split: str = "train", cache_limit_bytes: int = CACHE_LIMIT_BYTES) -> ReleaseDataset:
    """One split of a release as a map-style dataset of `Sample`.

    `path` is a folder, or an fsspec URL (`https://...`, `s3://...`), whose shards are fetched whole when they are first
    needed, checked against `checksums.sha256`, and kept in `$GERDATA_CACHE/releases` up to `cache_limit_bytes`. `split` is
    train, validation (or val) or test. `DatasetError` where there is no finished release or no such split; `UsageError` for
    another word.

        data = gerdata.open_release("release", "train")
        data[0].frames, data[0].audio, data.classes[data.labels[0]]
    """
    name = {"val": "validation"}.get(split, split)
    if name not in SPLITS:
        raise UsageError(f"expected a split of {', '.join(SPLITS)}, came {split!r}")
    return ReleaseDataset(home_of(path, cache_limit_bytes), name)


def read_header(home: Home) -> Header:
    """The header of a finished release; `DatasetError` where there is none."""
    try:
        text = home.read("dataset.json")
    except DatasetError:
        raise DatasetError(
            f"{home.name}: expected a finished release with dataset.json, found none; run shard first"
        ) from None
    return Header.read(text, f"{home.name}/dataset.json")
