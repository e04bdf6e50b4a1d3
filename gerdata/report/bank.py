"""A bank of pictures on one self-contained page: a contact sheet, what was counted and rejected, what could tell the class."""

import base64
from html import escape
from typing import Any

from gerdata.media.images import encode_png
from gerdata.synth.picturebank import PictureBank
from gerdata.synth.sheet import contact_sheet

_HEAD = """<!doctype html><meta charset="utf-8"><title>A bank of pictures</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:1008px}
td,th{padding:.1em .8em .1em 0;text-align:left}</style>
"""


def page_of(bank: PictureBank) -> str:
    """The page, HTML without scripts or anything from elsewhere. Whatever the header of the bank says is escaped."""
    data = base64.b64encode(encode_png(contact_sheet(bank))).decode("ascii")
    parts = [
        _HEAD,
        "<h1>A bank of pictures</h1>",
        "<p>For whoever built it: these may be people who live. Do not pass it on.</p>",
        _table("Rejected", _flat(bank.header.get("rejected"))),
        _table("Means by class: what differs here may tell the class", _flat(bank.header.get("measures"))),
        f'<img alt="contact sheet" src="data:image/png;base64,{data}">',
    ]
    return "\n".join(parts) + "\n"


def _flat(record: Any) -> list[tuple[str, str]]:
    pairs = record.items() if isinstance(record, dict) else ()
    return [(str(k), ", ".join(f"{a} {b}" for a, b in v.items()) if isinstance(v, dict) else str(v)) for k, v in pairs]


def _table(name: str, rows: list[tuple[str, str]]) -> str:
    body = "".join(f"<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in rows)
    return f"<h2>{escape(name)}</h2><table>{body}</table>"
