"""gerdata: data for group emotion recognition, without monitoring individuals.

data = gerdata.open_release("release", "train")
data[0].frames, data[0].audio, data.classes[data.labels[0]]
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gerdata.clip import Clip, Sample, Structure
    from gerdata.release import ReleaseDataset, open_release

__version__ = "0.1.0"
__all__ = ["Clip", "ReleaseDataset", "Sample", "Structure", "__version__", "open_release"]

_HOME = {
    "Clip": "gerdata.clip",
    "ReleaseDataset": "gerdata.release",
    "Sample": "gerdata.clip",
    "Structure": "gerdata.clip",
    "open_release": "gerdata.release",
}


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used, so that `import gerdata` stays light."""
    if name not in _HOME:
        raise AttributeError(f"module 'gerdata' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
