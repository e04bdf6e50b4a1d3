"""Where the bytes of one source lie: a file, a stretch of a file (a member of a tar), or any URL that fsspec can open."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    """`uri` is `file:///...` with percent escapes, or an fsspec URL; `size` None means up to the end of the file."""

    uri: str
    offset: int = 0
    size: int | None = None
