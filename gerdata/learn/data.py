"""A release as a dataset of tensors: read by offset, decoded once, changed by named chance.

Only the members a model needs are opened. What chance does to a training clip is a `Change`, drawn from (seed, epoch,
id) alone, so neither the order of clips nor a resumed run alters it.
"""

import hashlib
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from gerdata.augment.draw import draw_drop, draw_plan
from gerdata.augment.mask import mask_features
from gerdata.augment.picture import Picture, PictureOp, render_picture
from gerdata.augment.plan import AugmentPlan
from gerdata.augment.sound import SOUND_OPS, Gain, SoundOp, render_sound
from gerdata.chance import rng_for
from gerdata.clip import SPLITS, Audio, Frames
from gerdata.errors import DatasetError
from gerdata.learn.features import SILENCE_DB, cut_segments, log_mel
from gerdata.learn.metrics import DataKind
from gerdata.manifest import Header, Row, read_rows
from gerdata.media.audio import decode_audio
from gerdata.media.images import decode_jpeg
from gerdata.recipe import AugmentRecipe
from gerdata.store.members import decode_structure

CACHE_LIMIT_BYTES = 2 << 30  # a split whose tensors take more is decoded anew each epoch
HIDDEN_GREY = 128  # what a head is filled with when it is hidden

Modality = Literal["both", "video", "audio"]
Hide = Literal["none", "heads-and-sound"]


@dataclass(frozen=True)
class Form:
    """In what form a model takes a clip."""

    image_px: int
    mels: int
    segments: int
    segment_s: float
    modality: Modality


class Item(NamedTuple):
    """One clip for the model."""

    id: str
    video: Tensor  # uint8 [T, 3, h, w]
    audio: Tensor  # float32 dB [S, 1, mels, columns]
    label: int
    has_video: bool
    has_audio: bool
    sound: Audio | None = None  # the waveform [N], where the split keeps it


class Batch(NamedTuple):
    """B clips for the model."""

    ids: tuple[str, ...]
    video: Tensor  # uint8 [B, T, 3, h, w]
    audio: Tensor  # float32 dB [B, S, 1, mels, columns]
    labels: Tensor  # int64 [B]
    has_video: Tensor  # bool [B]
    has_audio: Tensor  # bool [B]


class Change(NamedTuple):
    """What chance decided for one training clip in one epoch."""

    frames: tuple[int, ...]  # which of the kept frames are shown, in their order
    plan: AugmentPlan


class Ranges(NamedTuple):
    """What a `Change` is drawn from."""

    frames: int  # how many of the kept frames are shown; all of them where there are fewer
    augment: AugmentRecipe
    drop_share: float  # of the clips with both senses that lose one


class ReleaseSplit(Dataset[Item]):
    """The labelled clips of one split of a release, in the order of its manifest.

    Clips without a label are left out and counted in `unlabelled`. `hide="heads-and-sound"` fills every known head with
    one grey and takes the sound away: a control that leaves a model nothing it should need. `keep_sound` gives each item
    its waveform, for changes that features no longer allow.
    """

    def __init__(self, release: Path, split: str, form: Form, hide: Hide = "none", keep_sound: bool = False) -> None:
        self.release, self.split, self.form, self.hide, self.keep_sound = release, split, form, hide, keep_sound
        self.header = read_header(release)
        rows = read_rows(release / "manifest" / f"{split}.parquet")
        self.rows = [row for row in rows if row.clip.label is not None]
        self.unlabelled = len(rows) - len(self.rows)
        self.labels = [self._label(row) for row in self.rows]
        self._frames = [i for i, member in enumerate(self.header.members) if member.endswith(".jpg")]
        self._audio = self._member("flac", "wav")
        self._structure = self._member("structure.npz") if hide == "heads-and-sound" else -1
        self._tars: dict[str, mmap.mmap] = {}
        self._decoded: dict[int, tuple[Tensor, Tensor, Audio | None]] = {}
        if not self._frames:
            raise DatasetError(f"{release}: expected still frames (fNN.jpg) in each sample; shard it again as frames")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Item:
        clip = self.rows[index].clip
        video, audio, sound = self._decoded[index] if index in self._decoded else self._decode(index)
        has_audio = clip.has_audio and self.form.modality != "video" and self.hide == "none"
        return Item(clip.id, video, audio, self.labels[index], self.form.modality != "audio", has_audio, sound)

    @property
    def data_kind(self) -> DataKind:
        """Whether the clips are all synthetic, all real, or mixed."""
        synthetic = sum(row.clip.is_synthetic for row in self.rows)
        return "synthetic" if synthetic == len(self.rows) else "mixed" if synthetic else "real"

    def shuffle_labels(self, seed: int) -> None:
        """Deal the labels out anew: a control in which no clip tells its class."""
        order = rng_for(seed, "shuffled-labels", self.split).permutation(len(self.labels))
        self.labels = [self.labels[i] for i in order]

    def _decode(self, index: int) -> tuple[Tensor, Tensor, Audio | None]:
        row = self.rows[index]
        try:
            frames = [decode_jpeg(self._read(row, i)) for i in self._frames]
            sound = decode_audio(self._read(row, self._audio))
        except DatasetError as error:
            raise DatasetError(f"{self.release}: clip {row.clip.id}: {error}; run verify") from None
        if self._structure >= 0:
            heads = decode_structure(self._read(row, self._structure)).heads
            frames = [hide_heads(frame, boxes) for frame, boxes in zip(frames, heads, strict=True)]
        decoded = video_tensor(frames, self.form), audio_tensor(sound, self.form), sound if self.keep_sound else None
        if len(self.rows) * sum(array.nbytes for array in decoded if array is not None) <= CACHE_LIMIT_BYTES:
            self._decoded[index] = decoded
        return decoded

    def _read(self, row: Row, member: int) -> bytes:
        tar = self._open(row.shard or "")
        start, length = row.member_offset[member], row.member_length[member]
        if start < 0 or length < 0 or start + length > len(tar):
            raise DatasetError(f"{self.release}/{row.shard}: clip {row.clip.id} lies beyond its end; run verify")
        return tar[start : start + length]

    def _open(self, shard: str) -> mmap.mmap:
        if shard not in self._tars:
            path = PurePosixPath(shard)
            if path.is_absolute() or ".." in path.parts or not (self.release / path).is_file():
                raise DatasetError(f"{self.release}: the manifest names shard {shard!r}, which is not in the release")
            with (self.release / path).open("rb") as file:
                self._tars[shard] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._tars[shard]

    def _member(self, *names: str) -> int:
        for name in names:
            if name in self.header.members:
                return self.header.members.index(name)
        raise DatasetError(
            f"{self.release}: samples hold {', '.join(self.header.members)}; this needs {' or '.join(names)}"
        )

    def _label(self, row: Row) -> int:
        if row.clip.label not in self.header.classes:
            known = ", ".join(self.header.classes)
            raise DatasetError(f"{self.release}: clip {row.clip.id} has label {row.clip.label!r}, classes are {known}")
        return self.header.classes.index(row.clip.label)


def read_header(release: Path) -> Header:
    """The header of a finished release; `DatasetError` where there is none."""
    path = release / "dataset.json"
    if not path.is_file():
        raise DatasetError(f"{release}: expected a finished release with dataset.json, found none; run shard first")
    return Header.read(path.read_bytes(), str(path))


def release_fingerprint(release: Path) -> str:
    """64 hex digits that name the release: its header, which lists the sums of its tars, and its manifests."""
    digest = hashlib.sha256((release / "dataset.json").read_bytes())
    for split in SPLITS:
        path = release / "manifest" / f"{split}.parquet"
        digest.update(hashlib.sha256(path.read_bytes() if path.is_file() else b"").digest())
    return digest.hexdigest()


def video_tensor(frames: list[Frames], form: Form) -> Tensor:
    """Frames [H, W, 3] to uint8 [T, 3, h, w], resized to a square by area; the aspect is not kept, as in the papers."""
    size = (form.image_px, form.image_px)
    small = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])  # [T, h, w, 3]
    return torch.from_numpy(small).permute(0, 3, 1, 2)  # [T, 3, h, w], in memory still h, w, 3


def audio_tensor(sound: Audio, form: Form) -> Tensor:
    """A waveform [N] at 16 kHz to log-mel segments, float32 dB [S, 1, mels, columns]."""
    return log_mel(cut_segments(torch.from_numpy(sound), form.segments, form.segment_s), form.mels).unsqueeze(1)


def hide_heads(frame: Frames, boxes: np.ndarray) -> Frames:
    """A copy of `frame` with every box of `boxes: float32 [P, 4]` filled, rounded outwards; NaN boxes are skipped."""
    height, width = frame.shape[:2]
    covered = frame.copy()
    for x0, y0, x1, y1 in boxes[~np.isnan(boxes).any(axis=1)].astype(np.float64):
        left, right = max(0, int(np.floor(x0))), min(width, int(np.ceil(x1)))
        top, bottom = max(0, int(np.floor(y0))), min(height, int(np.ceil(y1)))
        covered[top : max(top, bottom), left : max(left, right)] = HIDDEN_GREY
    return covered


def draw_change(seed: int, epoch: int, item: Item, ranges: Ranges) -> Change:
    """Decide what happens to one clip in one epoch. A clip never loses the only modality it has."""
    rng = rng_for(seed, "change", epoch, item.id)
    shown = np.sort(rng.permutation(len(item.video))[: ranges.frames])
    drop = draw_drop(ranges.drop_share, rng, item.has_video, item.has_audio)
    has = {"has_video": item.has_video, "has_audio": item.has_audio}
    return Change(tuple(shown.tolist()), draw_plan(ranges.augment, seed, epoch, item.id, drop=drop, **has))


def apply_change(item: Item, change: Change, form: Form) -> Item:
    """The clip after a change, in the same form. A plan with more than gain for the sound needs `item.sound`."""
    plan, shown = change.plan, item.video[list(change.frames)]  # [shown, 3, h, w]
    audio = change_sound(item, plan.sound, form)
    if plan.masks:
        audio = torch.from_numpy(mask_features(audio[:, 0].numpy(), plan.masks)).unsqueeze(1)
    return item._replace(
        video=change_picture(shown, plan.picture) if plan.picture else shown,
        audio=audio,
        has_video=item.has_video and plan.drop != "video",
        has_audio=item.has_audio and plan.drop != "audio",
        sound=None,
    )


def needs_waveform(augment: AugmentRecipe) -> bool:
    """Whether a recipe may do more to the sound than make it louder or softer."""
    return any(getattr(augment, f"{kind.op}_share") > 0 for kind in SOUND_OPS if kind is not Gain)


def change_picture(video: Tensor, ops: tuple[PictureOp, ...]) -> Tensor:
    """uint8 [T, 3, h, w] after `ops`, as the model sees it: the frames are already small and square."""
    frames = np.ascontiguousarray(video.permute(0, 2, 3, 1).numpy())  # [T, h, w, 3]
    return torch.from_numpy(render_picture(Picture(frames), ops).frames).permute(0, 3, 1, 2)


def change_sound(item: Item, ops: tuple[SoundOp, ...], form: Form) -> Tensor:
    """The log-mel segments of the clip's sound after `ops`. Gain alone is decibels added, and needs no new spectrogram."""
    if not ops:
        return item.audio
    if all(isinstance(op, Gain) for op in ops):
        return (item.audio + sum(op.gain_db for op in ops if isinstance(op, Gain))).clamp(min=SILENCE_DB)
    if item.sound is None:
        raise ValueError("expected the waveform of the clip: read the split with keep_sound")
    return audio_tensor(render_sound(item.sound, ops), form)


def collate(items: list[Item]) -> Batch:
    """Items side by side; all of one release have the same shapes."""
    ids, video, audio, labels, has_video, has_audio, _ = zip(*items, strict=True)
    return Batch(
        ids,
        torch.stack(video),  # [B, T, 3, h, w]
        torch.stack(audio),  # [B, S, 1, mels, columns]
        torch.tensor(labels),
        torch.tensor(has_video),
        torch.tensor(has_audio),
    )


def batches(order: list[int], size: int) -> Iterator[list[int]]:
    """`order` in runs of `size`; the last may be shorter."""
    for start in range(0, len(order), size):
        yield order[start : start + size]
