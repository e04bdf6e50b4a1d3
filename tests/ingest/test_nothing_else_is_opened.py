"""Playlists, concat scripts and graphics name other files and hosts: none is opened, as seen by the kernel."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from making import bars, tone

from gerdata.media.encode import write_clip

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


def hostile(root: Path, secret: Path) -> None:
    """Files that ask for `secret` and for a host, under their own names and as .mp4."""
    url = "http://127.0.0.1:9/x.ts"
    texts = {
        "live.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXTINF:1,\n{url}\n",
        "subfile.m3u8": f"#EXTM3U\n#EXTINF:1,\nsubfile,,start,0,end,100,,:{secret}\n#EXT-X-ENDLIST\n",
        "list.ffconcat": f"ffconcat version 1.0\nfile '{secret}'\nfile '{url}'\n",
        "a.sdp": "v=0\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "a.svg": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="file://{secret}" width="9" height="9"/></svg>',
        "a.mpd": f'<?xml version="1.0"?><MPD type="static"><Period><BaseURL>file://{secret}</BaseURL></Period></MPD>',
    }
    for name, text in texts.items():
        (root / name).write_text(text)
        (root / f"{name}.mp4").write_text(text)


def test_no_socket_and_no_second_file(tmp_path: Path) -> None:
    root, secret = tmp_path / "clips", tmp_path / "secret.mp4"
    root.mkdir()
    write_clip(secret, bars(10), 10, tone(1.0))
    write_clip(root / "good.mp4", bars(10), 10, tone(1.0))
    hostile(root, secret)
    log = tmp_path / "strace.log"
    words = [sys.executable, "-m", "gerdata.cli", "ingest", root, "--allow-unlabelled", "--workspace", tmp_path / "w"]
    calls = "openat,open,openat2,socket,connect"
    traced = ["strace", "-f", "-s", "400", "-e", f"trace={calls}", "-o", log]
    done = subprocess.run([*traced, *map(str, words), "--quiet"], capture_output=True, text=True, timeout=200)
    if "ptrace" in done.stderr:
        pytest.skip("this machine does not let strace look")
    assert done.returncode == 0, done.stderr
    text = log.read_text()
    assert f'"{root}/live.m3u8.mp4"' in text, "the trace saw the offered files"
    assert f'"{root}/good.mp4"' in text
    assert str(secret) not in text
    assert not re.search(r"socket\(AF_INET|connect\(\d+, \{sa_family=AF_INET", text)
