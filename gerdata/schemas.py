"""The JSON Schemas of all forms on disk, generated from the types: `python -m gerdata.schemas manifests`."""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from gerdata.clip import Clip
from gerdata.manifest import LEFT_OUT, REASONS, Header
from gerdata.recipe import RECIPES


def schemas() -> dict[str, dict[str, Any]]:
    """File name to schema: a sample's row, a dataset's header, each recipe, the closed lists of reasons."""
    made: dict[str, dict[str, Any]] = {
        "clip.schema.json": TypeAdapter(Clip).json_schema(),
        "dataset.schema.json": Header.model_json_schema(),
        "reasons.json": dict(REASONS),
        "left-out.json": dict(LEFT_OUT),
    }
    for command, kind in RECIPES.items():
        made[f"recipe-{command}.schema.json"] = kind.model_json_schema()
    return made


def text_of(schema: dict[str, Any]) -> str:
    """The one form in which a schema is written."""
    return json.dumps(schema, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    for name, schema in schemas().items():
        (Path(sys.argv[1]) / name).write_text(text_of(schema))
