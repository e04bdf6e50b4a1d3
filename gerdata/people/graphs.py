"""ONNX files as bytes: whether they name other files, inputs of any size, and a session that gives the same bytes again.

Only the few fields below are read, by walking the protobuf wire format (onnx.proto of the ONNX specification, IR version 3
and later), so that no ONNX package is needed and a hostile file meets a page of code instead of a parser.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from gerdata.errors import MissingError

RUNTIME = "onnxruntime==1.31.1"
LITE_RUNTIME = "ai-edge-litert==2.3.0"
MAX_DEPTH = 32  # of messages in messages; what is nested deeper is refused

# Field numbers of onnx.proto
_MODEL_GRAPH, _GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_VALUE_INFO = 7, 11, 12, 13
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _TENSOR_SHAPE, _SHAPE_DIM, _DIM_PARAM = 1, 2, 1, 2, 1, 2
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_TENSOR = "tensor"
_CHILDREN: dict[str, dict[int, str]] = {  # which fields lead to a tensor
    "model": {_MODEL_GRAPH: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: _TENSOR, 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: _TENSOR, 6: "graph", 10: _TENSOR, 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: _TENSOR, 2: _TENSOR},
    _TENSOR: {},
}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def needs_other_files(data: bytes) -> bool:
    """True where any tensor of an ONNX model, in any subgraph or function, lies outside the file (external data).

    A path in such a field is opened by the runtime, wherever it points (CVE-2022-25882, CVE-2024-27318). `ValueError` where
    the bytes are not protobuf.
    """
    return _needs_other_files(memoryview(data), "model", 0)


def with_free_sizes(data: bytes, inputs: Sequence[str]) -> bytes:
    """The same ONNX model with sizes of all named `inputs` and of all outputs left open (one symbol a dimension).

    Inputs that are not named are dropped: old exporters list the weights among them, which keeps the runtime from folding
    them. Stated sizes of inner values go too. `ValueError` where the bytes are not protobuf.
    """
    fields = []
    for number, wire, value in _fields(memoryview(data)):
        if number == _MODEL_GRAPH and wire == _BYTES:
            value = memoryview(_free_graph(value, inputs))
        fields.append(_field(number, wire, value))
    return b"".join(fields)


def session(data: bytes) -> Any:
    """An onnxruntime session on the CPU with one thread and in sequence, so that the same input gives the same bytes.

    Raises `MissingError` without onnxruntime, `ValueError` where the model names other files.
    """
    try:
        import onnxruntime
    except ImportError:
        raise MissingError(f"onnxruntime is not installed; run: python -m pip install '{RUNTIME}'") from None
    if needs_other_files(data):
        raise ValueError("the model keeps tensors in other files; only models in one file are run")
    onnxruntime.set_default_logger_severity(3)  # errors only
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _needs_other_files(message: memoryview, kind: str, depth: int) -> bool:
    if depth > MAX_DEPTH:
        raise ValueError("messages are nested too deeply for a model")
    for number, wire, value in _fields(message):
        if kind == _TENSOR and (number == _TENSOR_EXTERNAL or (number == _TENSOR_LOCATION and value != 0)):
            return True
        child = _CHILDREN[kind].get(number)
        if child is not None and wire == _BYTES and _needs_other_files(value, child, depth + 1):
            return True
    return False


def _free_graph(graph: memoryview, inputs: Sequence[str]) -> bytes:
    names = {name.encode() for name in inputs}
    fields = []
    for number, wire, value in _fields(graph):
        if number == _GRAPH_VALUE_INFO or (number == _GRAPH_INPUT and _name_of(value) not in names):
            continue
        if number in (_GRAPH_INPUT, _GRAPH_OUTPUT):
            value = memoryview(_free_value(value))
        fields.append(_field(number, wire, value))
    return b"".join(fields)


def _name_of(value_info: memoryview) -> bytes:
    return b"".join(bytes(value) for number, _, value in _fields(value_info) if number == _VALUE_NAME)


def _free_value(value_info: memoryview) -> bytes:
    """A ValueInfoProto whose every dimension is a symbol of its own."""
    name = _name_of(value_info)
    count = 0

    def freed(message: memoryview, path: tuple[int, ...]) -> bytes:
        nonlocal count
        if not path:
            count += 1
            return _field(_DIM_PARAM, _BYTES, memoryview(name + b"_%d" % count))
        return b"".join(
            _field(number, wire, memoryview(freed(value, path[1:])) if number == path[0] else value)
            for number, wire, value in _fields(message)
        )

    return freed(value_info, (_VALUE_TYPE, _TYPE_TENSOR, _TENSOR_SHAPE, _SHAPE_DIM))


def _fields(message: memoryview) -> Iterator[tuple[int, int, Any]]:
    """(number, wire type, value) of every field: an int for a varint, else the bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, wire, value
            continue
        if wire == _BYTES:
            size, at = _varint(message, at)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"not a protobuf message: wire type {wire}")
        if at + size > len(message):
            raise ValueError(f"not a protobuf message: {at + size} bytes announced, {len(message)} there")
        yield number, wire, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("not a protobuf message: it ends within a number")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("not a protobuf message: a number of more than ten bytes")


def _field(number: int, wire: int, value: Any) -> bytes:
    tag = _encoded(number << 3 | wire)
    if wire == _VARINT:
        return tag + _encoded(value)
    return tag + (_encoded(len(value)) if wire == _BYTES else b"") + bytes(value)


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
