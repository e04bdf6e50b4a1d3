"""An audit as it is written and read back, and what of it may be published."""

import math
from pathlib import Path

from gerdata.store.audits import SHORTCUT, AuditDocument, Figure, Used, Verdict, audit_of, joined, write_audit
from gerdata.store.dataset import HEADER, Dataset, sha256_of_file

FIGURE = Figure("retrained", 0.5, 0.25, 0.75, 8, 0.125)
NONE = Figure("fused", math.nan, math.nan, math.nan, 0)
PARTS = (
    Verdict(
        "faces", "failed", "found in Anna_wedding.jpg", "linear; face network x@1 with a linear head", (FIGURE, NONE)
    ),
    Verdict("words", "skipped", "no recogniser at /home/anna"),
)


def document(digest: str) -> AuditDocument:
    return AuditDocument(dataset=digest, stage="protect", protection="remove", clips=8, gerdata="1.0", date="2026-01-02",
                         weights=(Used("face-embedder", "x@1", "ab"),), verdicts=PARTS)  # fmt: skip


def test_what_is_written_is_read_back_also_what_is_no_number(tmp_path: Path) -> None:
    (tmp_path / HEADER).write_text("{}")
    digest = sha256_of_file(tmp_path / HEADER)
    path = write_audit(document(digest), tmp_path / "audits")
    assert "NaN" not in path.read_text()
    found = audit_of(Dataset(tmp_path), tmp_path / "audits")
    assert found is not None
    assert str(found.verdicts) == str(PARTS)  # NaN equals nothing, itself included
    assert found.weights == (Used("face-embedder", "x@1", "ab"),)
    assert found.has_failed
    (tmp_path / HEADER).write_text("{ }")
    assert audit_of(Dataset(tmp_path), tmp_path / "audits") is None


def test_why_is_never_published() -> None:
    told = "\n".join(document("0").lines())
    assert "Anna" not in told
    assert "anna" not in told
    assert "attacked on 2026-01-02 with gerdata 1.0, 8 clips" in told
    assert (
        "faces: failed by linear; face network x@1 with a linear head: retrained 0.500 [0.250, 0.750] of 8, chance"
        in told
    )
    assert "fused not known [not known, not known] of 0" in told
    assert "not tried: words" in told


def test_attacks_and_shortcuts_of_two_runs_are_one_document() -> None:
    """Whichever came first; each is replaced by its own kind alone, and says when it was made."""
    attacks = document("0")
    probes = attacks.model_copy(update={"verdicts": (Verdict(f"{SHORTCUT}row", "reported", "", "", (FIGURE,)),),
                                        "date": "2026-01-09", "clips": 5, "weights": ()})  # fmt: skip
    assert joined(probes, None) == probes
    for both in (joined(probes, attacks), joined(attacks, probes)):
        assert [one.part for one in both.verdicts] == ["faces", "words", "shortcut by row"]
        assert both.weights == attacks.weights
        assert both.has_attacks
        lines = "\n".join(both.lines())
        assert "attacked on 2026-01-02 with gerdata 1.0, 8 clips" in lines
        assert "shortcut by row: reported (on 2026-01-09 with gerdata 1.0, 5 clips): retrained 0.500" in lines
        assert joined(probes, both) == joined(probes, attacks)
        assert joined(attacks.model_copy(update={"verdicts": PARTS[:1]}), both).verdicts[0] == PARTS[0]
    assert not probes.has_attacks
    assert probes.lines()[0] == "not attacked, searched for shortcuts on 2026-01-09 with gerdata 1.0, 5 clips"
