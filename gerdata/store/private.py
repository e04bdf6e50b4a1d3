"""What stays with the raw data: the pseudonym key, the index of sources, whatever else must never leave.

A folder of mode 0700. Public names are keyed: without the key nothing published links to a source, and a new release
has new names (HMAC-SHA256, RFC 2104; 128 bits, base32).
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import secrets
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gerdata.errors import DatasetError, UsageError
from gerdata.store.commit import make_private, temporary_for

KEY_BYTES = 32


@dataclass(frozen=True)
class Private:
    """The private folder of a workspace, and its key."""

    root: Path
    key: bytes

    def pseudonym(self, purpose: str, release: str, *identity: str | int) -> str:
        """26 characters of `[a-z2-7]` for one identity, different for every purpose and release."""
        told = json.dumps([purpose, release, *identity], separators=(",", ":"), ensure_ascii=True)
        digest = hmac.digest(self.key, told.encode("ascii"), hashlib.sha256)
        return base64.b32encode(digest[:16]).decode("ascii").rstrip("=").lower()

    def fingerprint(self, purpose: str, told: bytes) -> str:
        """A keyed fingerprint of private inputs: equal inputs show as equal, and nothing else can be learnt."""
        return hmac.digest(self.key, purpose.encode() + b"\0" + told, hashlib.sha256).hex()[:32]

    def rows_path(self, stage: str, number: int) -> Path:
        """Where one part's private rows lie, as JSON lines."""
        return self.root / stage / f"{number:05d}.jsonl"

    def read_rows(self, stage: str, number: int) -> list[dict[str, Any]]:
        path = self.rows_path(stage, number)
        try:
            return [json.loads(line) for line in path.read_text().splitlines()]
        except (OSError, ValueError):
            raise DatasetError(f"{path}: the private rows of this part are gone; --overwrite to start anew") from None


def open_private(root: Path, key_file: Path | None = None) -> Private:
    """The private folder, made on first use with a new random key, or with the key of `key_file`.

    An earlier key brings the earlier names. Two different keys for one folder are refused.
    """
    given = read_key(key_file) if key_file is not None else None
    make_private(root)
    path = root / "key"
    if not path.exists():
        _create(path, given or secrets.token_bytes(KEY_BYTES))
    key = read_key(path)
    if given is not None and not hmac.compare_digest(given, key):
        raise UsageError(f"{path}: another key is in use here; choose another --private for the key of {key_file}")
    return Private(root, key)


def look_private(root: Path) -> Private:
    """The private folder as it is, for looking only; without one, a key that gives no lasting name."""
    return Private(root, read_key(root / "key") if (root / "key").is_file() else secrets.token_bytes(KEY_BYTES))


def read_key(path: Path) -> bytes:
    """A key of at least 256 bits, from hex digits or raw bytes. Shorter ones are refused: they can be guessed."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: the key cannot be read ({error.strerror})") from None
    text = data.strip()
    if len(text) >= 2 * KEY_BYTES and all(chr(c) in string.hexdigits for c in text) and len(text) % 2 == 0:
        return bytes.fromhex(text.decode("ascii"))
    if len(data) < KEY_BYTES or len(data) > 4096:
        raise UsageError(f"{path}: expected a key of {KEY_BYTES} to 4096 bytes, came {len(data)}")
    return data


def _create(path: Path, key: bytes) -> None:
    """Make the key file, once, even when several processes start together."""
    temporary = temporary_for(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
