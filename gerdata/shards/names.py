"""Samples under the names of one release: keyed, so that two releases share none."""

from typing import Any

from gerdata.engine.work import Item
from gerdata.manifest import clip_to_json
from gerdata.shards.choose import Chosen
from gerdata.store.private import Private

LABELS = ("label", "label_soft", "label_margin", "label_original", "label_visible")


def name_in(release: str, one: Chosen, private: Private) -> str:
    """What a sample is called in a release; with the key it can be followed back, without it it cannot."""
    return private.pseudonym("clip", release, one.clip.id)


def renamed(one: Chosen, release: str, private: Private, *, drop_groups: bool, hide_labels: bool) -> Item:
    """The sample under its new name, and its group's; a group of its own where groups are dropped."""
    new = clip_to_json(one.clip)
    purpose, of = ("alone", one.clip.id) if drop_groups else ("group", one.clip.group)
    new |= {"id": name_in(release, one, private), "group": private.pseudonym(purpose, release, of)}
    return item_of(new | dict.fromkeys(LABELS) if hide_labels else new, one)


def item_of(clip: dict[str, Any], one: Chosen, refused: str = "") -> Item:
    """What the worker is told of one sample: its row, where its bytes are, or why it is refused."""
    payload = {
        "clip": clip,
        "parent": one.parent,
        "shard": one.shard,
        "member_offset": list(one.member_offset),
        "member_length": list(one.member_length),
        "refused": refused,
    }
    return Item(str(clip["id"]), payload)
