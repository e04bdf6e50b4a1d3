"""Reading recipes: TOML by name or path, with overrides, validated."""

import difflib
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from gerdata.errors import RecipeError
from gerdata.recipe.form import Recipe

RECIPE_LIMIT_BYTES = 64 << 10
R = TypeVar("R", bound=Recipe)


def recipes_dir() -> Path:
    """Where the shipped recipes lie: inside the wheel, or at the top of a checkout."""
    inside = Path(__file__).parent.parent / "recipes"
    return inside if inside.is_dir() else Path(__file__).parent.parent.parent / "recipes"


def recipe_names(command: str) -> list[str]:
    """The shipped recipes of one command, sorted."""
    return sorted(path.stem for path in (recipes_dir() / command).glob("*.toml"))


def shipped_name(command: str, name: str) -> str:
    """The name of a shipped recipe, as it came; `RecipeError` where there is none, or where it is a path."""
    if name not in recipe_names(command):
        raise RecipeError(
            f"no {command} recipe {name!r}; there are {', '.join(recipe_names(command))}, or write a table"
        )
    return name


def load(kind: type[R], command: str, name: str, overrides: tuple[str, ...] = ()) -> R:
    """A recipe by name or path, with `key=value` overrides, validated. `RecipeError` in one sentence otherwise."""
    values = _read(command, name)
    for override in overrides:
        key, value = _override(kind, override)
        values[key] = value
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "recipe"
        came = f", came {first['input']!r}" if first["loc"] else ""
        told = f"recipe {name}: {where}: {first['msg']}{came}"[:400]
        if first["type"] == "extra_forbidden":
            told += _known(str(first["loc"][-1]), _keys(kind, first["loc"]))
        raise RecipeError(told) from None


def _known(key: str, keys: list[str]) -> str:
    near = difflib.get_close_matches(key, keys, 1)
    return f"; did you mean {near[0]}?" if near else f"; known keys: {', '.join(keys)}"


def _keys(kind: type[Recipe], where: tuple[int | str, ...]) -> list[str]:
    """The keys that are known where an error was found: of the recipe, or of the table in it."""
    table = kind.model_fields[str(where[0])].annotation if len(where) > 1 else None
    return list((table if isinstance(table, type) and issubclass(table, Recipe) else kind).model_fields)


def _read(command: str, name: str) -> dict[str, Any]:
    path = Path(name) if name.endswith(".toml") else recipes_dir() / command / f"{name}.toml"
    if not name.endswith(".toml") and name not in recipe_names(command):
        known = ", ".join(recipe_names(command))
        raise RecipeError(f"no {command} recipe {name!r}; there are {known}, or give a path that ends in .toml")
    try:
        with path.open("rb") as file:
            text = file.read(RECIPE_LIMIT_BYTES + 1)
        if len(text) > RECIPE_LIMIT_BYTES:
            raise RecipeError(f"recipe {path}: over {RECIPE_LIMIT_BYTES} bytes; a recipe is a few lines")
        return tomllib.loads(text.decode("utf-8"))
    except OSError as error:
        raise RecipeError(f"recipe {path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecipeError(f"recipe {path}: not TOML ({error})") from None


def _override(kind: type[Recipe], override: str) -> tuple[str, Any]:
    key, equals, value = override.partition("=")
    key = key.strip()
    if not equals or key not in kind.model_fields:
        raise RecipeError(
            f"--set {override}: expected key=value with a key of the recipe{_known(key, list(kind.model_fields))}"
        )
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        pass
    if kind.model_fields[key].annotation in (int, float, bool):
        raise RecipeError(f"--set {override}: {value!r} is not a TOML value; write strings in quotes")
    return key, value  # a bare word for a string key: the shell has eaten the quotes
