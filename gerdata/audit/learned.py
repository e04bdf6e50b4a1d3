"""The face network's name and weights; torch and the network itself are loaded when the first known face is met."""

from functools import cache
from typing import TYPE_CHECKING

from gerdata.errors import MissingError
from gerdata.people.weights import WEIGHTS

if TYPE_CHECKING:
    from gerdata.audit.embedder import FaceEmbedder

WEIGHT, MANIFEST = "face-embedder", "face-embedder-manifest"


@cache
def face_embedder() -> "FaceEmbedder | None":
    """The process's one network, or None where it was not pulled."""
    from gerdata.audit.embedder import FaceEmbedder

    try:
        return FaceEmbedder()
    except MissingError:
        return None


def name_of() -> str:
    """What the attacker is called in a document."""
    return f"face network {WEIGHTS[WEIGHT].requirement} with a linear head"
