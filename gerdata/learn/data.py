"""A release as a dataset of tensors: read by offset, decoded once, changed by named chance.

Only the members a model needs are opened. What chance does to a training clip is a `Change`, drawn from (seed, epoch,
id) alone, so neither the order of clips nor a resumed run alters it.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from gerdata.chance import rng_for
from gerdata.clip import SPLITS, Audio, BodyMaps, Frames, Structure
from gerdata.errors import DatasetError
from gerdata.learn.ahead import Ahead
from gerdata.learn.batch import Form, Item, audio_tensor, video_tensor
from gerdata.learn.metrics import DataKind
from gerdata.learn.sampler import Catalogue, Mixing, epoch_order
from gerdata.learn.target import rescaled
from gerdata.manifest import Header
from gerdata.recipe import TrainRecipe
from gerdata.release import ReleaseDataset
from gerdata.store.home import Folder
from gerdata.store.index import Ints
from gerdata.store.members import LIMBS, STRUCTURE, decode_limbs, decode_structure

# A split whose tensors take more than a quarter of the machine's memory is decoded anew each epoch: a third of the time of one.
CACHE_LIMIT_BYTES = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4
HIDDEN_GREY = 128  # what a head is filled with when it is hidden

Hide = Literal["none", "heads-and-sound"]


class ReleaseSplit(Dataset[Item]):
    """The labelled clips of one split of a release, in the order of its manifest.

    Clips without a label are left out and counted in `unlabelled`. `hide="heads-and-sound"` fills every known head with
    one grey and takes the sound away: a control that leaves a model nothing it should need. `keep_sound` gives each item
    its waveform, for changes that features no longer allow.
    """

    def __init__(self, release: Path, split: str, form: Form, hide: Hide = "none", keep_sound: bool = False) -> None:
        self.release, self.split, self.form, self.hide, self.keep_sound = release, split, form, hide, keep_sound
        self.header = read_header(release)
        self.source = ReleaseDataset(Folder(release), split)
        self.index = self.source.index
        if hide == "heads-and-sound" and STRUCTURE not in self.header.members:
            raise DatasetError(f"{release}: samples hold {', '.join(self.header.members)}; this needs {STRUCTURE}")
        self.numbers = self._labelled()
        self.rows = self.index.select(self.numbers)
        self.unlabelled = len(self.index) - len(self.rows)
        self.labels: list[int] = self.index.codes("label", self.header.classes)[self.numbers].tolist()
        self.structures: Mapping[str, Structure] = {}  # of real people, by clip: private, and never in a release
        self.embeddings: Mapping[str, Tensor] = {}  # float32 [e] by clip
        self.workers = 0  # processes that decode ahead of the one that learns; they change no byte
        self._ahead: Ahead | None = None
        self._decoded: dict[int, tuple[Tensor, Tensor, Audio | None]] = {}
        self._found: dict[int, Structure] = {}  # of those, in pixels of the model's frames

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Item:
        clip = self.rows[index].clip
        video, audio, sound = self._decoded[index] if index in self._decoded else self._decode(index)
        has_audio = clip.has_audio and self.form.modality != "video" and self.hide == "none"
        structure, limbs = self._known(index) if self.form.structure else (None, None)
        return Item(
            clip.id,
            video,
            audio,
            self.labels[index],
            self.form.modality != "audio" and clip.has_video,
            has_audio,
            sound,
            structure,
            limbs,
            soft=clip.label_soft,
            embedding=self.embeddings.get(clip.id) if self.hide == "none" else None,
        )

    @property
    def data_kind(self) -> DataKind:
        """Whether the clips are all synthetic, all real, or mixed."""
        synthetic = int(self.index.flags("is_synthetic")[self.numbers].sum())
        return "synthetic" if synthetic == len(self.rows) else "mixed" if synthetic else "real"

    def order(self, seed: int, epoch: int, how: Mixing | None = None) -> list[int]:
        """The clips in the order of one epoch, whatever ranks and workers there are (`sampler.epoch_order`)."""
        shards, synthetic = self.index.shard_of[self.numbers], self.index.flags("is_synthetic")[self.numbers]
        clips = Catalogue(shards, np.array(self.labels, np.int64), synthetic)
        return [int(number) for number in epoch_order(clips, how or Mixing(), seed, epoch)]

    def shuffle_labels(self, seed: int) -> None:
        """Deal the labels out anew: a control in which no clip tells its class."""
        order = rng_for(seed, "shuffled-labels", self.split).permutation(len(self.labels))
        self.labels = [self.labels[i] for i in order]

    @contextlib.contextmanager
    def ahead(self, order: Sequence[int]) -> Iterator[None]:
        """Within, `workers` decode the clips of `order` that are not in memory, ahead of the process that asks for them."""
        wanted = [int(self.numbers[index]) for index in order if index not in self._decoded]
        if not self.workers or not wanted:
            yield
            return
        with Ahead(self.source, wanted, self.workers) as self._ahead:
            try:
                yield
            finally:
                self._ahead = None

    def _decode(self, index: int) -> tuple[Tensor, Tensor, Audio | None]:
        number = int(self.numbers[index])
        media = self._ahead.take(number) if self._ahead else None
        frames, sound = media or self.source.media(number)
        if self.hide == "heads-and-sound":
            heads = decode_structure(self._read(index, STRUCTURE)).heads
            frames = np.stack([hide_heads(frame, boxes) for frame, boxes in zip(frames, heads, strict=True)])
        kept = sound.copy() if self.keep_sound else None
        decoded = video_tensor(frames, self.form), audio_tensor(sound, self.form), kept
        if len(self.rows) * sum(array.nbytes for array in decoded if array is not None) <= CACHE_LIMIT_BYTES:
            self._decoded[index] = decoded
        return decoded

    def _known(self, index: int) -> tuple[Structure | None, BodyMaps | None]:
        """What is known of a clip's people, in pixels of the model's frames: all, or maps of bodies, or nothing."""
        if index in self._found:
            return self._found[index], None
        members, clip = self.header.members, self.rows[index].clip
        structure = self.structures.get(clip.id)
        if structure is None and STRUCTURE in members:
            structure = decode_structure(self._read(index, STRUCTURE))
        if structure is None:
            return None, decode_limbs(self._read(index, LIMBS)) if LIMBS in members else None
        structure = rescaled(structure, clip.height_px, clip.width_px, self.form.image_px)
        if index in self._decoded:
            self._found[index] = structure  # a tenth of its frames at most
        return structure, None

    def _read(self, index: int, member: str) -> bytes:
        return bytes(self.source.samples.member(int(self.numbers[index]), member))

    def _labelled(self) -> Ints:
        """The numbers of the rows that have a label; `DatasetError` where one is no class."""
        labels = self.index.codes("label", self.header.classes)
        for number in np.flatnonzero(labels == -2)[:1].tolist():
            name, label = self.index.ids[number], self.index.column("label")[number].as_py()
            known = ", ".join(self.header.classes)
            raise DatasetError(f"{self.release}: clip {name} has label {label!r}, classes are {known}")
        return np.flatnonzero(labels >= 0)


def hidden_by(recipe: TrainRecipe) -> Hide:
    """What the control of a recipe hides from its model, in training and whenever it is asked."""
    return "heads-and-sound" if recipe.control == "heads-and-sound" else "none"


def give_vectors(split: ReleaseSplit, vectors: Mapping[str, Tensor]) -> None:
    """The vectors of a split's clips, by id; `DatasetError` where there are some, and none is of these."""
    if vectors and not any(row.clip.id in vectors for row in split.rows):
        raise DatasetError(
            f"{split.release}: none of the vectors is named by the id of a clip of {split.split!r}, as its manifest has them"
        )
    split.embeddings = vectors


def read_header(release: Path) -> Header:
    """The header of a finished release; `DatasetError` where there is none."""
    path = release / "dataset.json"
    if not path.is_file():
        raise DatasetError(f"{release}: expected a finished release with dataset.json, found none; run shard first")
    header = Header.read(path.read_bytes(), str(path))
    if header.stage != "shard":
        raise DatasetError(f"{release}: what {header.stage} made, no release; run shard on it first")
    return header


def release_fingerprint(release: Path) -> str:
    """64 hex digits that name the release: its header, which lists the sums of its tars, and its manifests."""
    digest = hashlib.sha256((release / "dataset.json").read_bytes())
    for split in SPLITS:
        path = release / "manifest" / f"{split}.parquet"
        digest.update(hashlib.sha256(path.read_bytes() if path.is_file() else b"").digest())
    return digest.hexdigest()


def hide_heads(frame: Frames, boxes: np.ndarray) -> Frames:
    """A copy of `frame` with every box of `boxes: float32 [P, 4]` filled, rounded outwards; NaN boxes are skipped."""
    height, width = frame.shape[:2]
    covered = frame.copy()
    for x0, y0, x1, y1 in boxes[~np.isnan(boxes).any(axis=1)].astype(np.float64):
        left, right = max(0, int(np.floor(x0))), min(width, int(np.ceil(x1)))
        top, bottom = max(0, int(np.floor(y0))), min(height, int(np.ceil(y1)))
        covered[top : max(top, bottom), left : max(left, right)] = HIDDEN_GREY
    return covered
