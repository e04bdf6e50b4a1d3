"""What the plan of a synthetic sample says of the things it was made of, read without the room that draws plans."""

import functools
import json
from typing import Any

_OF_A_CAST = ("place", "room")  # drawn anew for every cast


def assets_of(plan: str | None) -> frozenset[str]:
    """Names of what a sample shares with others of its making: people, drawn place, room, photograph. Empty without a plan.

    `ValueError` where the plan is no JSON object.
    """
    return _assets_of(plan) if plan is not None else frozenset()


@functools.lru_cache(maxsize=1 << 16)
def _assets_of(plan: str) -> frozenset[str]:
    flat = _object(plan)
    told = {f"{name} {_text(flat[name])}" for name in _OF_A_CAST if isinstance(flat.get(name), dict)}
    people = flat.get("bank") or flat.get("avatars") or flat.get("pictures")
    if people:
        told.add(f"people {_text(people)} {flat.get('cast')}")
    if isinstance(photo := flat.get("photo"), dict):
        told.add(f"photo {photo.get('bank')} {photo.get('number')}")
    return frozenset(told)


def has_photo(plan: str | None) -> bool:
    """Whether a photograph is in the picture."""
    return any(asset.startswith("photo ") for asset in assets_of(plan))


def licences_of(plan: str | None) -> tuple[str, ...]:
    """Licences of the pictures that a sample was made of, sorted; empty where it was made of none, or of unlicensed ones."""
    found = _object(plan).get("licences") if plan is not None else None
    return tuple(sorted(str(one) for one in found)) if isinstance(found, list) else ()


def _object(plan: str) -> dict[str, Any]:
    flat = json.loads(plan)
    if not isinstance(flat, dict):
        raise ValueError("a plan is a JSON object")
    return flat


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
