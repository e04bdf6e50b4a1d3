"""Pseudonyms: keyed, of one form, new for every release; the key is never weak and never replaced in silence."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import KEY

from gerdata.errors import UsageError
from gerdata.store.private import Private, open_private, read_key

PRIVATE = Private(Path("/nowhere"), KEY)


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8)), unique=True, max_size=30))
def test_names_differ_when_anything_differs(told: list[tuple[str, str, str]]) -> None:
    names = [PRIVATE.pseudonym(*one) for one in told]
    assert len(set(names)) == len(names)
    assert all(len(name) == 26 and set(name) <= set("abcdefghijklmnopqrstuvwxyz234567") for name in names)


def test_names_are_those_of_the_key() -> None:
    """Computed apart: HMAC-SHA256 over the compact JSON of purpose, release and identity; 16 bytes in base32."""
    import base64
    import hashlib
    import hmac

    told = b'["clip","workspace","00ff",0,2]'
    wanted = base64.b32encode(hmac.new(KEY, told, hashlib.sha256).digest()[:16]).decode().rstrip("=").lower()
    assert PRIVATE.pseudonym("clip", "workspace", "00ff", 0, 2) == wanted
    assert Private(Path("/nowhere"), bytes(32)).pseudonym("clip", "workspace", "00ff", 0, 2) != wanted


def test_a_key_is_made_once_kept_and_closed(tmp_path: Path) -> None:
    first, second = open_private(tmp_path / "p"), open_private(tmp_path / "p")
    assert first.key == second.key
    assert len(first.key) == 32
    assert (tmp_path / "p" / "key").stat().st_mode & 0o777 == 0o600
    assert open_private(tmp_path / "q").key != first.key


def test_processes_that_start_together_agree_on_the_key(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from gerdata.store.private import open_private; "
        "print(open_private(Path(sys.argv[1])).key.hex())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "p")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    keys = {process.communicate(timeout=60)[0] for process in started}
    assert len(keys) == 1


@pytest.mark.parametrize("data", [b"", b"secret", b"00" * 31, bytes(31)])
def test_a_short_key_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "k").write_bytes(data)
    if data == b"00" * 31:
        assert len(read_key(tmp_path / "k")) == 62  # not hex of 256 bits, so 62 raw bytes
        return
    with pytest.raises(UsageError, match="expected a key of 32"):
        read_key(tmp_path / "k")


def test_another_key_for_the_same_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "k").write_text(KEY.hex() + "\n")
    assert open_private(tmp_path / "p", tmp_path / "k").key == KEY
    (tmp_path / "other").write_bytes(bytes(40))
    with pytest.raises(UsageError, match="another key is in use"):
        open_private(tmp_path / "p", tmp_path / "other")
