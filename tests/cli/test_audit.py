"""`gerdata audit` from the command line: a protected workspace attacked, its document, who reads it, what it refuses."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Gerdata

from gerdata.audit.beside import beside
from gerdata.audit.evidence import Evidence
from gerdata.manifest import REJECTS_SCHEMA
from gerdata.recipe import ShardRecipe
from gerdata.shards.release import Target, job_of
from gerdata.store.dataset import Dataset
from gerdata.store.private import look_private


@pytest.fixture(scope="module")
def workspace(gerdata: Gerdata, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("audit")
    early = ("shard", "--synthetic-rate", 0, "--release", "early")
    for words in (("ingest", clips), ("protect",), early):
        ran = gerdata(*words, "--workspace", root, "--quiet")
        assert ran.code == 0, ran.err
    return root


def test_a_small_dataset_is_attacked_and_never_passed_for_its_people(gerdata: Gerdata, workspace: Path) -> None:
    ran = gerdata("audit", "--workspace", workspace, "--json")
    told = json.loads(ran.out)
    status = {verdict["part"]: verdict["status"] for verdict in told["verdicts"]}
    assert ran.code in (0, 3)
    assert status["names and metadata"] == "passed"
    assert status["residual faces"] == "underpowered"
    assert status["faces inside the fill"] == status["voices"] == "skipped"
    assert status["source linkage by picture"] == "reported"
    (path,) = (workspace / "audits").glob("*.json")
    assert told["dataset"].startswith(path.stem)


def test_the_card_and_the_report_say_what_was_found(gerdata: Gerdata, workspace: Path) -> None:
    assert ": not audited\n" in (workspace / "shards/early/README.md").read_text()
    assert gerdata("audit", "--workspace", workspace, "--quiet").code in (0, 3)
    assert gerdata("shard", "--synthetic-rate", 0, "--workspace", workspace, "--release", "late", "--quiet").code == 0
    card = (workspace / "shards/late/README.md").read_text()
    assert "- names and metadata: passed" in card
    assert "not tried: faces inside the fill" in card
    assert gerdata("report", workspace, "--quiet").code == 0
    page = (workspace / "report/index.html").read_text()
    assert "<td>residual faces</td><td>underpowered</td><td>clips with a face left 0.000 [0.000, " in page
    assert "guesses of names" not in page + card  # why an attack ended so stays in the workspace
    assert gerdata("verify", workspace / "shards/late").code == 0


def test_a_document_that_is_none_is_refused(gerdata: Gerdata, workspace: Path) -> None:
    assert gerdata("audit", "--workspace", workspace, "--quiet").code in (0, 3)
    (path,) = (workspace / "audits").glob("*.json")
    kept = path.read_bytes()
    path.write_bytes(b'{"dataset": 3}')
    ran = gerdata("shard", "--synthetic-rate", 0, "--workspace", workspace, "--release", "odd")
    path.write_bytes(kept)
    assert ran.code == 1
    assert "not an audit that can be read" in ran.err


def test_who_is_known_must_be_a_table_with_its_columns(gerdata: Gerdata, workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "who.csv").write_text("file,name\na,b\n")
    ran = gerdata("audit", "--workspace", workspace, "--identities", tmp_path / "who.csv")
    assert ran.code == 2
    assert "expected the columns source, identity, speaker, gender, sentence" in ran.err


def test_what_is_no_dataset_is_refused_in_one_sentence(gerdata: Gerdata, tmp_path: Path) -> None:
    ran = gerdata("audit", tmp_path / "nothing", "--workspace", tmp_path)
    assert ran.code == 1
    assert "expected a dataset" in ran.err
    assert "Traceback" not in ran.err


def test_the_help_says_what_the_statuses_are(gerdata: Gerdata) -> None:
    told = gerdata("audit", "--help").out
    assert "underpowered" in told


def test_releases_of_one_key_share_no_name(gerdata: Gerdata, workspace: Path) -> None:
    ran = gerdata("shard", "--synthetic-rate", 0, "--workspace", workspace, "--release", "other", "--quiet")
    assert ran.code == 0, ran.err
    shards = workspace / "shards"
    ran = gerdata("audit", shards / "other", "--beside", shards / "early", "--workspace", workspace, "--json")
    told = json.loads(ran.out)
    parts = {one["part"]: one for one in told["verdicts"]}
    assert parts["linkage to another release by names"]["status"] == "passed"
    assert parts["linkage to another release by bytes"]["figures"][0]["value"] == 1  # the same media under new names
    assert parts["source linkage by picture"]["status"] == "reported"  # the key leads back to the originals
    assert told["beside"] is not None
    assert gerdata("audit", shards / "other", "--beside", workspace / "ingested", "--workspace", workspace).code == 2


def test_releases_have_orders_of_their_own(workspace: Path) -> None:
    """Of six releases made with one key and one seed; that all have one order by lot is less likely than 1 in 10^9."""
    private, parent = look_private(workspace / "private"), Dataset(workspace / "protected")
    recipe = ShardRecipe(synthetic_rate=0.0)
    jobs = [job_of([parent], Target(name, workspace / name, workspace), recipe, 0, private) for name in "abcdef"]
    places = {
        tuple((item.payload["shard"], item.payload["member_offset"][0]) for item in job.items) for job in jobs
    }  # a small dataset has a part a clip, whose offsets are all the same
    assert len(places) > 1
    again = job_of([parent], Target("a", workspace / "a", workspace), recipe, 0, private)
    assert [item.key for item in again.items] == [item.key for item in jobs[0].items]
    for name in ("key", "inputs"):
        assert len({job.fingerprint[name] for job in jobs}) == len(jobs), name


def test_a_copy_under_the_same_names_is_found(workspace: Path) -> None:
    evidence = Evidence.of(Dataset(workspace / "protected"), look_private(workspace / "private"))
    parts = {one.part: one for one in beside(evidence, evidence)}
    assert parts["linkage to another release by names"].status == "failed"
    for what in ("order", "bytes", "picture"):
        assert parts[f"linkage to another release by {what}"].figures[0].value == 1, what
    assert (
        parts["linkage to another release by columns"].figures[0].value > 0.5
    )  # two clips are alike but for their names
    assert {one.status for one in beside(Evidence.of(evidence.dataset, None), evidence)[1:]} == {"skipped"}


def test_much_quarantine_is_exit_three(gerdata: Gerdata, workspace: Path, tmp_path: Path) -> None:
    """Of a copy of which all clips but one were quarantined."""
    shutil.copytree(workspace / "protected", tmp_path / "protected")
    ids = sorted(pq.read_table(tmp_path / "protected/manifest.parquet", columns=["id"])["id"].to_pylist())
    rejected = [{"id": one, "reason": "residual-face", "detail": ""} for one in ids[1:]]
    pq.write_table(pa.Table.from_pylist(rejected, schema=REJECTS_SCHEMA), tmp_path / "protected/rejects.parquet")
    ran = gerdata("audit", tmp_path / "protected", "--workspace", workspace, "--out", tmp_path, "--limit", 1, "--json")
    assert ran.code == 3, ran.err
    assert json.loads(ran.out)["status"] == "quarantine"
    assert f"{len(ids) - 1} of {len(ids)} refused" in ran.err
