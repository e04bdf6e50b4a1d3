"""`gerdata audit` from the command line: a protected workspace attacked, its document, what it refuses."""

from pathlib import Path

from conftest import Gerdata


def test_what_is_no_dataset_or_no_table_is_refused_in_one_sentence(gerdata: Gerdata, tmp_path: Path) -> None:
    ran = gerdata("audit", tmp_path / "nothing", "--workspace", tmp_path)
    assert ran.code == 1
    assert "expected a dataset" in ran.err
    assert "Traceback" not in ran.err


def test_the_help_says_what_the_statuses_are(gerdata: Gerdata) -> None:
    told = gerdata("audit", "--help").out
    assert "underpowered" in told
