"""The recipes of a media-free release as files: what to run to have its samples again."""

import json
from collections.abc import Mapping
from typing import Any

from gerdata.manifest import Header


def recipes_of(header: Header) -> dict[str, str]:
    """File name to TOML: of the release, and of each parent, each headed by the line to run."""
    told = {"shard.toml": toml(header.recipe, f"gerdata shard --recipe shard.toml --seed {header.seed}")}
    for number, parent in enumerate(header.parents):
        line = f"gerdata {parent['stage']} --recipe {number}-{parent['stage']}.toml"
        if parent["stage"] == "synth":
            line += f" --seed {parent['seed']} --n {parent['samples']}"
        told[f"{number}-{parent['stage']}.toml"] = toml(json.loads(parent["recipe"]), line)
    return told


def toml(values: Mapping[str, Any], heading: str) -> str:
    """A recipe's values as TOML; what is None is left out, as TOML has no word for it."""
    lines = [f"{name} = {_value(value)}" for name, value in values.items() if value is not None]
    return "\n".join([f"# {heading}", *lines, ""])


def _value(value: Any) -> str:
    """Strings, numbers and truth are written as in JSON; tables stay on their line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_value(one)}" for name, one in value.items() if one is not None) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)
