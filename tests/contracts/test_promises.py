"""What is written down stays true: schemas, recipes, commands, words."""

import inspect
import json
import re
import tomllib
from pathlib import Path

import pytest
from conftest import Gerdata

from gerdata import schemas
from gerdata.cli import COMMANDS, app
from gerdata.manifest import CLIP_COLUMNS, LEFT_OUT, REASONS
from gerdata.recipe import RECIPES, load, recipe_names, recipes_dir

TOP = Path(__file__).parents[2]
NAMES = [command.__name__ for command in COMMANDS]
ALL_RECIPES = [(command, name) for command in RECIPES for name in recipe_names(command)]


@pytest.mark.parametrize("name", sorted(schemas.schemas()))
def test_schemas_on_disk_are_those_of_the_types(name: str) -> None:
    written = (TOP / "manifests" / name).read_text()
    assert written == schemas.text_of(schemas.schemas()[name]), "run: make schemas"


def test_the_columns_of_a_manifest_are_those_of_a_clip() -> None:
    assert set(schemas.schemas()["clip.schema.json"]["properties"]) == set(CLIP_COLUMNS)


@pytest.mark.parametrize(("command", "name"), ALL_RECIPES)
def test_every_recipe_loads_and_is_documented(command: str, name: str) -> None:
    path = recipes_dir() / command / f"{name}.toml"
    load(RECIPES[command], command, name)
    assert path.read_text().startswith("# "), "a recipe is headed by what it is for"
    assert tomllib.loads(path.read_text())
    assert f"`{name}`" in (TOP / "docs" / "commands.md").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_documented_with_an_example(name: str) -> None:
    assert f"## gerdata {name}" in (TOP / "docs" / "commands.md").read_text()
    doc = inspect.getdoc(COMMANDS[NAMES.index(name)]) or ""
    assert f"Example: gerdata {name}" in doc


@pytest.mark.parametrize("name", NAMES)
def test_every_commands_help_works(gerdata: Gerdata, name: str) -> None:
    ran = gerdata(name, "--help")
    assert ran.code == 0
    assert f"Example: gerdata {name}" in re.sub(r"[\s│]+", " ", ran.out)


def test_all_commands_are_registered() -> None:
    assert len(app.registered_commands) == len(COMMANDS)


def test_every_reason_is_documented() -> None:
    text = (TOP / "docs" / "formats.md").read_text()
    assert not [reason for reason in (*REASONS, *LEFT_OUT) if f"`{reason}`" not in text]


def test_every_exit_code_is_documented() -> None:
    from gerdata import errors

    codes = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.GerdataError)
    }
    text = (TOP / "docs" / "commands.md").read_text()
    assert codes == {1, 2, 3, 4, 5, 130}
    assert not [code for code in codes if f"| {code} |" not in text]


PROSE = [
    p
    for p in (
        *TOP.glob("*.md"),
        *TOP.glob("docs/**/*.md"),
        *TOP.glob("recipes/**/*.toml"),
        *TOP.glob("gerdata/**/*.py"),
    )
]


@pytest.mark.parametrize("path", PROSE, ids=lambda p: str(p.relative_to(TOP)))
def test_no_word_claims_more_than_was_shown(path: Path) -> None:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if "never say" in line.lower():
            continue
        found = re.search(
            r"\banonym(ous|ised|ized|ity)\b|GDPR.compliant|\b100 ?%|\bproven\b|irreversibl", line, re.IGNORECASE
        )
        assert not found, f"line {number}: {found.group() if found else ''}"


def test_links_in_the_docs_lead_somewhere() -> None:
    for path in (*TOP.glob("*.md"), *TOP.glob("docs/**/*.md")):
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_versions_agree() -> None:
    import gerdata as package

    assert f"## {package.__version__}" in (TOP / "CHANGELOG.md").read_text()
    assert json.loads((TOP / "manifests" / "dataset.schema.json").read_text())["title"] == "Header"
