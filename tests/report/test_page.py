"""The page: self-contained, escaped, and honest about what it shows. Looked at in a browser where one is at hand."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import Gerdata

from gerdata.report.page import render
from gerdata.store.audits import AuditDocument, Figure, Verdict, write_audit
from gerdata.store.dataset import sha256_of_file

BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-default-apps"),
    *("--enable-logging=stderr", "--window-size=1300,2000"),
)


@pytest.fixture(scope="module")
def workspace(gerdata: Gerdata, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("report")
    classes = 'classes=["positive", "neutral", "negative", "<script>alert(1)</script>"]'
    for words in (
        ("ingest", clips, "--set", classes),
        ("protect",),
        ("synth", "--recipe", "flat", "--n", 6),
        ("shard", root / "synth"),
        ("report",),
    ):
        ran = gerdata(*words, "--workspace", root, "--quiet")
        assert ran.code == 0, ran.err
    return root


class Sources(HTMLParser):
    """Every address that the page names."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [
            (name, value or "") for name, value in attrs if name in ("src", "href", "srcset", "data", "action")
        ]


def test_the_page_names_no_address_outside_itself(workspace: Path) -> None:
    text = (workspace / "report/index.html").read_text()
    sources = Sources()
    sources.feed(text)
    assert {value.split(":")[0] for _, value in sources.found} == {"data"}
    assert "script" not in sources.tags
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|//cdn|@import|url\(", text)


def test_counts_on_the_page_are_those_of_the_headers(workspace: Path) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", (workspace / "report/index.html").read_text()))
    for name in ("ingested", "protected", "synth"):
        counts = json.loads((workspace / name / "dataset.json").read_text())["counts"]
        wanted = [
            counts[k] for k in ("sources", "sources_accepted", "sources_rejected", "clips", "written", "rejected")
        ]
        assert f" {name} {' '.join(map(str, wanted))} " in text


def test_what_is_not_obfuscated_is_not_shown(gerdata: Gerdata, workspace: Path, tmp_path: Path) -> None:
    shutil.copytree(workspace, tmp_path / "w")
    shutil.rmtree(tmp_path / "w/protected")
    gerdata("protect", "--recipe", "global", "--accept-raw", "--workspace", tmp_path / "w", "--quiet")
    gerdata("report", tmp_path / "w")
    text = (tmp_path / "w/report/index.html").read_text()
    assert 'alt="protected sample' not in text
    assert "protected: not shown, as it is not obfuscated" in text
    assert 'alt="protected sample' in (workspace / "report/index.html").read_text()


def a_run(folder: Path, seed: int) -> Path:
    """The least of a finished run that the page reads; its `run.json`."""
    figures = {
        "split": "validation",
        "data_kind": "synthetic",
        "clips": 4,
        "accuracy": 0.5,
        "macro_f1": 0.5,
        "uar": 0.5,
    }
    figures |= {"accuracy_low": 0.1, "accuracy_high": 0.9, "confusion": [[1, 1], [1, 1]]}
    told = {
        "identity": {"classes": ["a", "b"], "seed": seed},
        "synthetic": True,
        "parameters": 9,
        "selection": "validation",
    }
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text('{"epoch": 1, "train_loss": 1.0, "accuracy": 0.5}\n')
    (folder / "run.json").write_text(json.dumps(told | {"best_epoch": 1, "best": figures, "test": None}))
    return folder / "run.json"


def audit_of(header: Path) -> AuditDocument:
    """One attack that failed and one that was not tried; why names a source."""
    figures = (Figure("AUC", 0.62, 0.61, 0.63, 812, 0.5),)
    verdicts = (
        Verdict("membership by loss", "failed", "seen in holiday_0815.mp4", "<b>threshold</b>", figures),
        Verdict("people by fused", "skipped", "nobody in holiday_0815.mp4"),
    )
    made = {"stage": "run", "protection": "", "clips": 813, "gerdata": "0", "date": "2026-01-02", "weights": ()}
    return AuditDocument(dataset=sha256_of_file(header), verdicts=verdicts, **made)


def test_an_audit_of_a_run_stands_beside_it_and_of_none_that_is_said(workspace: Path, tmp_path: Path) -> None:
    shutil.copytree(workspace, tmp_path / "w")
    attacked, _ = (a_run(tmp_path / "w/runs" / name, seed) for seed, name in enumerate(("attacked", "other")))
    write_audit(audit_of(attacked), tmp_path / "w/audits")
    text = render(tmp_path / "w")
    beside, after = text.split("<h3>attacked</h3>")[1].split("<h3>other</h3>")
    assert "attacked, 813 clips, 2026-01-02" in beside
    assert "AUC 0.620 [0.610, 0.630] of 812, chance 0.500" in beside
    assert re.search(r"membership by loss</td><td class=.note.>failed", beside)
    assert "&lt;b&gt;threshold&lt;/b&gt;" in beside
    assert "not audited" not in beside
    assert "other: not audited; run gerdata audit" in after
    assert "holiday" not in text
    attacked.write_text(attacked.read_text() + "\n")  # another state of the run: the audit is not of this one
    assert "attacked: not audited; run gerdata audit" in render(tmp_path / "w")


def browse(page: Path, out: Path) -> tuple[list[str], set[str]]:
    """Console messages of a page, and the hosts it asked for: those that an empty page does not ask for too."""

    def look(page: Path) -> tuple[list[str], set[str]]:
        command = [str(BROWSER), *QUIET, f"--user-data-dir={out}/profile", f"--log-net-log={out}/net.json"]
        command += [f"--screenshot={out}/page.png", page.as_uri()]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
        console = [line for line in ran.stderr.splitlines() if "CONSOLE" in line]
        return console, set(re.findall(r'"url":"https?://([^"/]+)', (out / "net.json").read_text()))

    (out / "empty.html").write_text("<!doctype html><title>empty</title>")
    _, own = look(out / "empty.html")
    console, asked = look(page)
    return console, {
        host for host in asked - own if not host.endswith(".google.com")
    }  # Chromium's own clock and updates


@pytest.mark.skipif(BROWSER is None, reason="no Chromium at hand to look at the page with")
def test_a_browser_has_nothing_to_complain_of_and_asks_for_nothing(workspace: Path, tmp_path: Path) -> None:
    console, asked = browse(workspace / "report/index.html", tmp_path)
    assert console == []
    assert asked == set()
    assert (tmp_path / "page.png").stat().st_size > 20_000


@pytest.mark.skipif(BROWSER is None, reason="no Chromium at hand to look at the page with")
def test_the_browser_would_have_told(workspace: Path, tmp_path: Path) -> None:
    """The same look at a page with planted faults finds them."""
    text = (workspace / "report/index.html").read_text()
    bad = text.replace("</body>", '<img src="http://127.0.0.1:9/x.png"><script>nonsense(</script></body>')
    (tmp_path / "bad.html").write_text(bad)
    console, _ = browse(tmp_path / "bad.html", tmp_path)
    assert console
    (tmp_path / "open.html").write_text(bad.replace("default-src 'none'; ", "").replace("img-src data:; ", ""))
    _, asked = browse(tmp_path / "open.html", tmp_path)
    assert "127.0.0.1:9" in asked
