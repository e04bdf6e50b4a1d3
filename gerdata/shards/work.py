"""The work of `shard`: one finished sample in, the same media under a new name out."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gerdata.engine.work import Expect, Item, Made
from gerdata.errors import RejectedInput
from gerdata.manifest import Row, clip_from_json
from gerdata.media.audio import wav_of_flac
from gerdata.media.images import decode_jpeg
from gerdata.media.mp4 import encode_mp4
from gerdata.people.limbs import body_maps
from gerdata.store.dataset import Dataset
from gerdata.store.members import FLAC, LIMBS, ROW, STRUCTURE, VIDEO, WAV, decode_structure, encode_clip, encode_limbs


class ShardWorker:
    """Copies members as they are; the row is written anew. Limb maps of synthetic people are drawn where those of real ones
    are in the release, and frames become a video and FLAC becomes WAV where the recipe says so. Checks nothing it cannot
    see: `verify` does."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.parents = [Dataset(Path(path)) for path in settings["parents"]]
        self.members: list[list[str]] = settings["parent_members"]
        self.keep: list[str] = settings["members"]

    def work(self, item: Item, expect: Expect) -> Iterator[Made]:
        told = item.payload
        clip = clip_from_json(told["clip"])
        if told["refused"]:
            raise RejectedInput(told["refused"])
        if not self.keep:
            yield Made(Row(clip))
            return
        row = Row(
            clip,
            shard=told["shard"],
            member_offset=tuple(told["member_offset"]),
            member_length=tuple(told["member_length"]),
        )
        data = self.parents[told["parent"]].members(row)
        held = dict(zip(self.members[told["parent"]], data, strict=True))
        held[ROW] = encode_clip(clip)
        if LIMBS in self.keep and LIMBS not in held:
            drawn = body_maps(decode_structure(held[STRUCTURE]), clip.height_px, clip.width_px)
            held[LIMBS] = encode_limbs(drawn)
        if WAV in self.keep:
            held[WAV] = wav_of_flac(held[FLAC], clip.mark or "")
        if VIDEO in self.keep:
            frames = np.stack([decode_jpeg(held[name]) for name in held if name.endswith(".jpg")])
            held[VIDEO] = encode_mp4(frames, clip.duration_s, clip.mark or "")
        yield Made(dataclasses.replace(row, shard=None), members={name: held[name] for name in self.keep})
