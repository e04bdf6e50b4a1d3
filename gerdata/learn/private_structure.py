"""What is known of real people's structure, for local training: from the private folder, under a release's names, in memory.

Nothing of it is written: a run says that it was used, and a keyed fingerprint of it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from gerdata.clip import Structure
from gerdata.errors import DatasetError
from gerdata.store.private import Private
from gerdata.store.structures import structures_of

STAGE = "protected"


def private_structures(release: Path, private: Private, stage: str = STAGE) -> dict[str, Structure]:
    """By the clip's name in `release`. `DatasetError` where the private folder holds no structure.

    A release's names are made of its folder's name and the key, so the folder must be called what it was made as.
    """
    out = {}
    for path in sorted((private.root / stage).glob("*.jsonl")):
        for clip, structure in structures_of(private, stage, int(path.stem)).items():
            out[private.pseudonym("clip", release.name, clip)] = structure
    if not out:
        raise DatasetError(
            f"{private.root}: no structure of real people there; run protect with --set structure=private"
        )
    return out


def refuse_strangers(release: Path, clips: Iterable[str], structures: Mapping[str, Structure]) -> None:
    """`DatasetError` where none of the clips is known of."""
    if not any(clip in structures for clip in clips):
        raise DatasetError(
            f"{release}: the private folder holds no structure of its clips; its name and key made their names"
        )


def structures_fingerprint(structures: dict[str, Structure], private: Private) -> str:
    """Keyed, so that nothing can be learnt from it but whether two are the same."""
    digest = hashlib.sha256()
    for clip, structure in sorted(structures.items()):
        digest.update(clip.encode())
        for array in (structure.heads, structure.bodies, structure.faces):
            digest.update(str(array.shape).encode() + array.tobytes())
    return private.fingerprint("structure", digest.digest())
