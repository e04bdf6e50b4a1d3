"""The mark of synthetic media: one line that says so, in the comment of a JPEG and of a FLAC file, and in the row.

For who meets a picture without its dataset (Regulation (EU) 2024/1689, Art. 50(2), asks for marks that machines can read). It
names the generator's version and the digest of the plan, and nothing else.
"""

import hashlib
import re

from gerdata import __version__

_FORM = re.compile(r"synthetic; gerdata [0-9A-Za-z.+-]{1,40}; plan [0-9a-f]{64}")
_SOI, _COMMENT = b"\xff\xd8", b"\xff\xfe"
_TAG = re.compile(r"(?:description|comment)=", re.IGNORECASE)  # of a Vorbis comment: builds of libsndfile differ


def mark_of(plan: str) -> str:
    """The mark of what is rendered from a plan, JSON as it is stored."""
    return f"synthetic; gerdata {__version__}; plan {hashlib.sha256(plan.encode()).hexdigest()}"


def is_mark(text: str | bytes) -> bool:
    """Whether a comment is such a mark and nothing more."""
    told = text.decode("latin-1") if isinstance(text, bytes) else text
    return _FORM.fullmatch(_TAG.sub("", told, count=1) if _TAG.match(told) else told) is not None


def with_comment(jpeg: bytes, comment: str) -> bytes:
    """A JPEG with a comment segment right after its start (ITU-T T.81, B.2.4.5); `ValueError` for what is no JPEG."""
    told = comment.encode("ascii")
    if jpeg[:2] != _SOI or len(told) > 65_000:
        raise ValueError(f"expected a JPEG and a short comment, came {jpeg[:2]!r} and {len(told)} characters")
    return b"".join([_SOI, _COMMENT, (len(told) + 2).to_bytes(2, "big"), told, jpeg[2:]])
