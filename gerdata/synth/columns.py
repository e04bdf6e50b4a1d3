"""Plans as short JSON: lists of equal records as records of lists, numbers at four decimals."""

from collections.abc import Mapping
from typing import Any


def columns(records: list[dict[str, Any]]) -> dict[str, Any]:
    """A list of equal records as one record of lists, through all levels. No records are an empty one."""
    return {
        key: columns([one[key] for one in records])
        if isinstance(records[0][key], dict)
        else [one[key] for one in records]
        for key in (records[0] if records else ())
    }


def rows(flat: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Inverse of `columns`."""
    parts = {key: rows(value) if isinstance(value, Mapping) else value for key, value in flat.items()}
    return [dict(zip(parts, values, strict=True)) for values in zip(*parts.values(), strict=True)]


def rounded(value: Any) -> Any:
    """The same JSON with every number at 4 decimals: short, and equal wherever the last bits of sums differ."""
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value
