"""A user's own sounds as a bank: labelled recordings, decoded under limits, cut to events, measured, split by source.

Kinds are those of events, `ambience`, and `rir` (the impulse response of a room).
What stands for one source (a speaker, a recording) never crosses a split, and what sounds the same is one source whatever
it is called. Every file is accounted for: it gives sounds, or it is rejected with a reason and a number.
"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import fft

from gerdata import manifest
from gerdata.clip import SAMPLE_RATE_HZ, Audio
from gerdata.errors import LabelError, MissingError, RejectedInput, UsageError
from gerdata.media.address import Address
from gerdata.media.audio import encode_flac
from gerdata.media.decode import Stretch, sound
from gerdata.media.examine import examine
from gerdata.media.limits import MediaLimits
from gerdata.media.quality import sound_measures
from gerdata.people.speech import speech_share
from gerdata.splits import Group, assign
from gerdata.store.commit import make_folder, write_atomic
from gerdata.synth.banktable import HEADER
from gerdata.synth.listing import is_below, is_plain
from gerdata.synth.recordingbank import AMBIENCE, CLASSES, FOLDER, FORM, LONGEST_S, RESPONSE, TABLE, Sound
from gerdata.synth.response import trimmed

REASONS = (  # beside those of `media`
    "unknown-event", "unsafe-text", "no-sound", "too-short", "clipped", "no-decay", "duplicate",
)  # fmt: skip
COLUMNS = ("file", "event", "source", "licence")
LIMITS = MediaLimits(max_duration_s=LONGEST_S)
CSV_LIMIT_BYTES = 16 << 20
GATE_DB, GAP_S, SHORTEST_S, LONGEST_EVENT_S, EDGE_S = -30.0, 0.35, 0.25, 8.0, 0.02
ONSET_SHARE = 0.1  # of the envelope's peak: an event begins where its 5-ms envelope passes -20 dB, as computed ones do
MAX_CLIPPED_SHARE = 0.01
ALIKE = 0.95  # cosine of two prints from which two sounds are one; assumption, re-encodings reach 0.99


@dataclass(frozen=True)
class Recording:
    """One labelled file of the user's."""

    path: Path
    event: str
    source: str
    licence: str


@dataclass(frozen=True, eq=False)
class Piece:
    """A sound, its FLAC, and its print, by which copies under other names are found."""

    sound: Sound
    flac: bytes
    look: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Refused:
    """A file that gives nothing: its place in the list, why, and a number or word."""

    number: int
    sha256: str
    reason: str
    detail: str

    def __post_init__(self) -> None:
        if self.reason not in REASONS and self.reason not in manifest.REASONS:
            raise ValueError(f"reason {self.reason!r} is not in the closed list: {', '.join(REASONS)}")


@dataclass(frozen=True)
class SoundsBuilt:
    """What became of a folder of sounds."""

    folder: Path
    sounds: tuple[Sound, ...]
    refused: tuple[Refused, ...]
    files: int


def build_sounds(given: Path, out: Path, seed: int, shares: tuple[float, float] = (0.7, 0.15)) -> SoundsBuilt:
    """A bank in `out` from a folder (events are its sub-folders' names) or a CSV with columns file, event, source, licence.

    Writes `sounds/ID.flac` (16 kHz, mono), `sounds.jsonl`, `rejects.jsonl` and, last, `bank.json`. The same files, seed and
    shares give the same bytes. `LabelError` for a table that cannot be read, `UsageError` where there is nothing to take or
    `out` already holds a bank.
    """
    if (out / HEADER).exists():
        raise UsageError(f"{out}: already holds a bank; choose another folder")
    recordings, root = listed_sounds(given), given if given.is_dir() else given.parent
    make_folder(out / FOLDER)
    found: list[Piece] = []
    refused, seen = [], set[str]()
    for number, recording in enumerate(recordings):
        digest = ""
        try:
            digest = _digest_of(recording.path, root)
            if digest in seen:
                raise RejectedInput("duplicate", "the same bytes as an earlier file")
            seen.add(digest)
            found += _sounds_of(recording, digest)
        except RejectedInput as verdict:
            refused.append(Refused(number, digest, verdict.reason, verdict.detail))
    kept = _split(_together(found), shares, seed)
    for one, piece in zip(kept, found, strict=True):
        write_atomic(out / FOLDER / f"{one.id}.flac", piece.flac)
    order = sorted(kept, key=lambda s: (s.event, s.id))
    table, counts = _lines(order), Counter(s.event for s in order)
    write_atomic(out / TABLE, table)
    write_atomic(out / "rejects.jsonl", _lines(refused))
    header = {
        "form": FORM,
        "kind": "sounds",
        "seed": seed,
        "files": len(recordings),
        "refused": len(refused),
        "sounds": dict(sorted(counts.items())),
        "sounds_sha256": hashlib.sha256(table).hexdigest(),
    }
    write_atomic(out / HEADER, json.dumps(header, indent=1).encode())
    return SoundsBuilt(out, tuple(order), tuple(refused), len(recordings))


def listed_sounds(given: Path) -> list[Recording]:
    """What a folder or a CSV offers, before anything is opened. Errors as `build_sounds`."""
    recordings = list(_listed(given))
    if not recordings:
        raise UsageError(f"{given}: expected sounds in sub-folders named {', '.join(CLASSES)}, or a CSV of them")
    return recordings


def _listed(given: Path) -> Iterator[Recording]:
    """What is to be taken, sorted. In a folder a file is a source of its own, or all of EVENT/SOURCE/ are one, in any event."""
    if given.is_dir():
        for path in sorted(p for p in given.glob("*/**/*") if p.is_file() and not p.is_symlink()):
            inner = path.relative_to(given)
            source = "/".join(inner.parts[1:-1]) or inner.as_posix()
            yield Recording(path, inner.parts[0].lower(), source, "")
        return
    try:
        with given.open("rb") as file:
            text = file.read(CSV_LIMIT_BYTES + 1)
        if len(text) > CSV_LIMIT_BYTES:
            raise LabelError(f"{given}: over {CSV_LIMIT_BYTES} bytes")
        rows = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig")), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{given}: expected a CSV with columns {', '.join(COLUMNS)} ({error})") from None
    for row in rows:
        if any(not isinstance(row.get(column), str) for column in COLUMNS):
            raise LabelError(
                f"{given}: expected the columns {', '.join(COLUMNS)}, came {', '.join(map(str, row))}"[:300]
            )
        source = row["source"].strip() or row["file"]
        yield Recording(given.parent / row["file"], row["event"].strip().lower(), source, row["licence"].strip())


def _digest_of(path: Path, root: Path) -> str:
    try:
        inner = path.relative_to(root).as_posix() if path.is_relative_to(root) else ""
        is_within = is_below(inner) and path.resolve().is_relative_to(root.resolve())
        if path.is_symlink() or not is_within or not path.is_file():
            raise RejectedInput("unsafe-path", "expected a regular file at or below the table's folder")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RejectedInput("unreadable", str(error.strerror)) from None


def _sounds_of(recording: Recording, digest: str) -> list[Piece]:
    """The sounds in one file."""
    if recording.event not in CLASSES:
        raise RejectedInput("unknown-event", recording.event[:40])
    if not (is_plain(recording.source) and is_plain(recording.licence)):
        raise RejectedInput("unsafe-text", "source or licence")
    address = Address.of(recording.path)
    facts = examine(address, LIMITS, lambda _: None)
    audio = sound(address, LIMITS, Stretch(0.0, facts.duration_s, facts.origin_s)) if facts.has_audio else None
    if audio is None or not audio.any():
        raise RejectedInput("no-sound")
    if recording.event == RESPONSE:
        response, rt60_s = trimmed(audio)
        return [_piece(recording, digest, 0, response, rt60_s)]
    spans = [(0, len(audio))] if recording.event == AMBIENCE else _events(audio)
    if not spans:
        raise RejectedInput("too-short", f"{len(audio) / SAMPLE_RATE_HZ:.2f} s")
    clipped = [sound_measures(audio[start:end]).clipped_share or 0.0 for start, end in spans]
    if min(clipped) > MAX_CLIPPED_SHARE:
        raise RejectedInput("clipped", f"{max(clipped):.3f}")
    return [
        _piece(recording, digest, start, audio[start:end].copy())
        for (start, end), share in zip(spans, clipped, strict=True)
        if share <= MAX_CLIPPED_SHARE
    ]


def _piece(recording: Recording, digest: str, start: int, audio: Audio, rt60_s: float | None = None) -> Piece:
    """A sound of the bank; responses have no loudness, and are never copies of what is heard."""
    flac = encode_flac(audio)
    is_heard = rt60_s is None
    made = Sound(
        id=hashlib.sha256(audio.tobytes() + recording.event.encode()).hexdigest()[:26],
        event=recording.event,
        source=recording.source,
        split="",
        licence=recording.licence,
        sha256=digest,
        flac_sha256=hashlib.sha256(flac).hexdigest(),
        start_s=round(start / SAMPLE_RATE_HZ, 4),
        duration_s=round(len(audio) / SAMPLE_RATE_HZ, 4),
        loudness_lufs=sound_measures(audio).loudness_lufs if is_heard else None,
        speech_share=_speech(audio) if is_heard else None,
        rt60_s=rt60_s,
    )
    look = _print(audio)
    return Piece(made, flac, look if is_heard else np.zeros_like(look))


def _events(audio: Audio) -> list[tuple[int, int]]:
    """Stretches within 30 dB of the loudest 10 ms, over pauses of 0.35 s, from their onsets on, of 0.25 to 8 s."""
    step = SAMPLE_RATE_HZ // 100
    blocks = audio[: len(audio) // step * step].reshape(-1, step)
    power = np.mean(np.square(blocks, dtype=np.float64), axis=1)
    loud = np.flatnonzero(power > power.max(initial=0.0) * 10 ** (GATE_DB / 10)) if len(power) else np.zeros(0, int)
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) > GAP_S * 100)
    firsts, lasts = loud[np.r_[0, breaks + 1]], loud[np.r_[breaks, len(loud) - 1]] + 1
    edge = round(EDGE_S * SAMPLE_RATE_HZ)
    spans = []
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        begin = first * step + _onset(audio[first * step : last * step])
        end = min(last * step, begin + round(LONGEST_EVENT_S * SAMPLE_RATE_HZ))
        if end - begin >= SHORTEST_S * SAMPLE_RATE_HZ:
            spans.append((begin, min(len(audio), end + edge)))
    return spans


def _onset(audio: Audio) -> int:
    """The sample from which an event is heard, on an envelope of 5 ms: one that swells begins where it can be told."""
    step = SAMPLE_RATE_HZ // 200
    envelope = np.sqrt(np.mean(np.square(audio[: len(audio) // step * step].reshape(-1, step)), axis=1))
    return int(np.argmax(envelope > ONSET_SHARE * envelope.max())) * step


def _speech(audio: Audio) -> float | None:
    try:
        return round(speech_share(audio), 3)
    except MissingError:
        return None


def _together(found: Sequence[Piece]) -> list[Sound]:
    """The sounds, with one name for sources that share a sound: of each heap of equal prints, the first name in order."""
    prints = np.stack([one.look for one in found]) if found else np.zeros((0, 1), np.float32)
    names = [one.sound.source for one in found]
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for i in range(len(found)):
        for j in np.flatnonzero(prints[:i] @ prints[i] > ALIKE):
            one, other = sorted((root(names[i]), root(names[int(j)])))
            parent[other] = one
    return [replace(one.sound, source=root(one.sound.source)) for one in found]


def _print(audio: Audio) -> npt.NDArray[np.float32]:
    """The first second as 16 bands x 20 times of log energy, of mean 0 and length 1: blind to level and to codecs."""
    head = np.zeros(SAMPLE_RATE_HZ, np.float32)
    head[: min(len(audio), len(head))] = audio[: len(head)]
    power = np.abs(fft.rfft(head.reshape(20, -1) * np.hanning(800), axis=1)) ** 2
    edges = np.geomspace(4, 175, 17).astype(int)  # of 20 Hz: 80 Hz to 3.5 kHz
    bands = np.add.reduceat(power, edges[:-1], axis=1)
    logs = np.log(bands / max(float(bands.max()), 1e-12) + 1e-4)
    logs -= logs.mean()
    return np.asarray(logs.ravel() / max(float(np.linalg.norm(logs)), 1e-9), np.float32)


def _split(sounds: Sequence[Sound], shares: tuple[float, float], seed: int) -> list[Sound]:
    counts: dict[str, Counter[str]] = {}
    for one in sounds:
        counts.setdefault(one.source, Counter())[one.event] += 1
    splits = assign((Group(source, labels) for source, labels in counts.items()), shares, seed)
    return [replace(one, split=splits[one.source]) for one in sounds]


def _lines(rows: Sequence[Sound | Refused]) -> bytes:
    return "".join(json.dumps(asdict(row), ensure_ascii=True) + "\n" for row in rows).encode()
