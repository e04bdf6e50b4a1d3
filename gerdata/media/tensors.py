"""Reading one tensor out of a `torch.save` file without unpickling anything.

Such a file is a zip of a pickle and raw storages. The pickle is only ever listed as opcodes (`pickletools.genops` runs
nothing); what is not the exact shape of one plain tensor is refused. Form: PyTorch's serialisation notes, `torch.save`
of a CPU tensor since 1.6.
"""

import io
import math
import pickletools
import zipfile
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames
from gerdata.errors import RejectedInput
from gerdata.media.limits import MediaLimits

_PICKLE_LIMIT_BYTES = 1 << 16
_TYPES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "ByteStorage": np.dtype("u1"),
}
_REBUILD = "torch._utils _rebuild_tensor_v2"


@dataclass(frozen=True)
class TensorFile:
    """One tensor `[N, 3, H, W]` as it was stored."""

    values: npt.NDArray[Any]

    def frames(self) -> Frames:
        """`uint8 [N, H, W, 3]`. Values must be bytes, or floats in [0, 1] or [0, 255]; others are refused, because a
        normalisation that is not told cannot be undone."""
        values = self.values
        if values.dtype != np.uint8:
            low, high = float(values.min()), float(values.max())
            if not (math.isfinite(low) and math.isfinite(high)) or low < 0 or high > 255:
                raise RejectedInput("undecodable", "tensor values outside [0, 255]")
            values = np.rint(values.astype(np.float32) * (255.0 if high <= 1.0 else 1.0)).astype(np.uint8)
        return np.ascontiguousarray(values.transpose(0, 2, 3, 1))


def read_tensors(file: BinaryIO, limits: MediaLimits) -> TensorFile:
    """The tensor of a `.pt` file. `RejectedInput` for anything that is not exactly one plain CPU tensor of pictures."""
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            stem = next((name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl")), None)
            if stem is None:
                raise RejectedInput("format-not-allowed", "a zip that holds no tensor")
            program = _member(archive, stem + "data.pkl", _PICKLE_LIMIT_BYTES)
            dtype, key, shape, strides = _plan(program)
            count = math.prod(shape)
            if count * dtype.itemsize > limits.max_tensor_bytes:
                raise RejectedInput("too-large", f"a tensor of {count} values")
            raw = _member(archive, f"{stem}data/{key}", limits.max_tensor_bytes)
    except RejectedInput:
        raise
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, NotImplementedError, RuntimeError, EOFError) as error:
        raise RejectedInput("undecodable", type(error).__name__) from None
    if len(shape) != 4 or shape[1] != 3 or min(shape) < 1 or shape[2] * shape[3] > limits.max_pixels:
        raise RejectedInput("no-video", f"a tensor of shape {list(shape)}, not [N, 3, H, W]"[:80])
    wanted = tuple(math.prod(shape[i + 1 :]) for i in range(4))
    if strides != wanted or len(raw) != count * dtype.itemsize:
        raise RejectedInput("undecodable", "a tensor whose storage is not its values in order")
    return TensorFile(np.frombuffer(raw, dtype).reshape(shape))


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    info = archive.getinfo(name)
    if info.file_size > limit:
        raise RejectedInput("too-large", f"{info.file_size} bytes in a tensor file")
    with archive.open(info) as member:
        data = member.read(limit + 1)
    if len(data) > limit:
        raise RejectedInput("too-large", "a tensor file unpacks to more than it says")
    return data


def _plan(program: bytes) -> tuple[np.dtype[Any], str, tuple[int, ...], tuple[int, ...]]:
    """Storage type, storage key, shape and strides, from the listing of a pickle that rebuilds one plain tensor."""
    words: list[Any] = []
    classes: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(io.BytesIO(program)):
            if opcode.name in ("GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "REDUCE", "BUILD", "NEWOBJ", "NEWOBJ_EX"):
                if opcode.name == "GLOBAL":
                    classes.append(str(argument))
                elif opcode.name != "REDUCE":
                    raise RejectedInput("format-not-allowed", f"a pickle with {opcode.name}")
            elif opcode.name not in _PLAIN:
                raise RejectedInput("format-not-allowed", f"a pickle with {opcode.name}")
            elif argument is not None and not opcode.name.endswith(("PUT", "GET")) and opcode.name != "PROTO":
                words.append(argument)
            elif opcode.name in ("MARK", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_TUPLE"):
                words.append(opcode.name)
    except RejectedInput:
        raise
    except Exception as error:  # a listing can fail in as many ways as there are opcodes
        raise RejectedInput("undecodable", type(error).__name__) from None
    storage = classes[1].removeprefix("torch ") if len(classes) > 1 else ""
    is_plain = classes in ([_REBUILD, f"torch {storage}", "collections OrderedDict"], [_REBUILD, f"torch {storage}"])
    numbers = [word for word in words if isinstance(word, int) and not isinstance(word, bool)]
    texts = [word for word in words if isinstance(word, str) and word not in _PLAIN]
    if not is_plain or storage not in _TYPES or texts[:1] != ["storage"] or "cpu" not in texts or len(numbers) != 10:
        raise RejectedInput("format-not-allowed", "a pickle that is not one plain tensor")
    # storage size, offset, four sizes, four strides: in the order in which torch writes them
    if numbers[1] != 0 or any(number < 0 for number in numbers):
        raise RejectedInput("format-not-allowed", "a tensor that is a view of another")
    dtype: np.dtype[Any] = _TYPES[storage]
    return dtype, str(texts[1]), tuple(numbers[2:6]), tuple(numbers[6:10])


_PLAIN = frozenset(
    {"PROTO", "MARK", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_TUPLE", "BINUNICODE", "SHORT_BINUNICODE"}
    | {"BININT", "BININT1", "BININT2", "LONG1", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "BINPERSID"}
    | {"NEWFALSE", "NEWTRUE", "STOP"}
)
