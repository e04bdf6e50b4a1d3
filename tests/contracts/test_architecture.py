"""The house keeps its shape: imports point down, rooms stay small, names say what they hold."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import gerdata

HOUSE = Path(gerdata.__file__).parent
FILES = sorted(HOUSE.rglob("*.py"))
# From the ground up. Rooms of one floor do not know each other.
FLOORS = (
    {"clip", "errors"},
    {"manifest", "recipe", "chance"},
    {"splits", "schemas"},
    {"media"},
    {"store"},
    {"release"},
    {"engine"},
    {"augment", "people"},
    {"ingest", "privacy", "synth", "shards", "learn"},
    {"report", "audit"},
    {"workflow"},
    {"cli"},
    {"__init__"},  # the package's face names what users import; nothing below may import it
)
# The one door between rooms of a floor: heads of avatars in the place of real ones.
DOORS = {
    "privacy/avatars.py": {"gerdata.synth.bank", "gerdata.synth.mesh", "gerdata.synth.repertoire"},
}
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}
SAME_FLOOR = {("manifest", "chance"), ("recipe", "chance")}
ONLY_IN = {
    "torch": {"learn", "audit"},
    "ray": {"engine"},
    "av": {"media"},
    "moviepy": {"media"},
    "soundfile": {"media"},
    "onnxruntime": {"people", "audit"},
    "faster_whisper": {"audit"},
    "random": set(),
    "pickle": set(),
}
FORBIDDEN_NAMES = {"utils", "util", "common", "core", "helpers", "helper", "base", "misc"}
MAX_FILE, MAX_FUNCTION, MAX_PARAMETERS = 400, 50, 7


def room_of(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imports_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_imports_point_down(path: Path) -> None:
    room = room_of(path)
    for name in imports_of(ast.parse(path.read_text())):
        parts = name.split(".")
        if parts[0] != "gerdata" or len(parts) == 1 or parts[1] not in FLOOR_OF or parts[1] == room:
            continue
        if any(name == door or name.startswith(f"{door}.") for door in DOORS.get(str(path.relative_to(HOUSE)), ())):
            continue
        down = FLOOR_OF[parts[1]] < FLOOR_OF[room] or (room, parts[1]) in SAME_FLOOR
        assert down, f"{room} must not know {parts[1]}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    for name in imports_of(ast.parse(path.read_text())):
        allowed = ONLY_IN.get(name.split(".")[0])
        assert allowed is None or room_of(path) in allowed, f"{name} is not for {room_of(path)}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_only_media_reads_and_writes_files_of_media(path: Path) -> None:
    calls = {"imread", "imwrite", "imdecode", "imencode", "VideoCapture", "VideoWriter"}
    used = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    assert room_of(path) == "media" or not calls & used


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_rooms_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_FILE
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) else node.body
        lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
        assert lines <= MAX_FUNCTION, f"{node.name} has {lines} lines"
        own = [
            a for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if a.arg not in ("self", "cls")
        ]
        assert len(own) <= MAX_PARAMETERS, f"{node.name} has {len(own)} parameters"


def test_every_room_is_on_a_floor_and_none_has_an_empty_name() -> None:
    assert {room_of(path) for path in FILES} <= set(FLOOR_OF)
    for path in HOUSE.rglob("*"):
        assert path.stem not in FORBIDDEN_NAMES, path


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_every_file_and_public_thing_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "a file has a docstring"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_") and node.name != "main":
            short = isinstance(node, ast.FunctionDef) and len(node.body) <= 4
            assert ast.get_docstring(node) or short, f"{node.name} has no docstring"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_chance_has_one_door(path: Path) -> None:
    if path.name == "chance.py":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"default_rng", "RandomState", "SeedSequence", "urandom"}, "use chance.rng_for"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_nothing_executes_what_it_reads(path: Path) -> None:
    bad = {"eval", "exec", "system", "popen", "mktemp", "extractall", "extract"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert name not in bad or (name == "eval" and not node.args), f"{name} at line {node.lineno}"
            for keyword in node.keywords:
                is_true = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
                assert not (keyword.arg in ("shell", "allow_pickle") and is_true), f"line {node.lineno}"
