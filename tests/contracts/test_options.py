"""What a command is told it does, or it says that it does not."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gerdata.cli import __file__ as at
from gerdata.cli import app

COMMANDS = sorted(path.stem for path in Path(at).parent.glob("*.py") if "@command" in path.read_text())
CHANGING = ("out", "set", "limit", "overwrite", "dry_run")  # what is done would not be what was asked for
STAGE = ("key", "workers", "engine", "slice", "finish", "retry_rejected", "max_rejects")  # of those that take `Work`
BY_OPTIONS = ("overwrite", "workers", "engine", "slice", "finish", "retry_rejected")  # `options_of` reads these
BY_SAYING = ("max_rejects",)  # and `say_stage` this


@pytest.mark.parametrize("name", [one for one in COMMANDS if one != "options"])
def test_options_that_change_what_is_done_are_obeyed_or_refused(name: str) -> None:
    source = (Path(at).parent / f"{name}.py").read_text()
    takes = (*CHANGING, *STAGE) if re.search(r"\bWork\b", source) else CHANGING
    refused = re.findall(r"\"(\w+)\"", "".join(re.findall(r"@command_without\((.*)\)", source)))
    for option in takes:
        is_read = re.search(rf"shared\.{option}\b", source) is not None
        by_stage = (option in BY_OPTIONS and "options_of(shared)" in source) or (
            option in BY_SAYING and re.search(r"say_stage\(\s*shared", source) is not None
        )
        assert is_read or by_stage or option in refused or (name, option) in HARMLESS, (name, option)
        assert not (is_read and option in refused), (name, option)


@pytest.mark.parametrize(("name", "option"), [("audit", "set"), ("evaluate", "out"), ("train", "limit")])
def test_what_is_refused_is_not_offered(name: str, option: str, tmp_path: Path) -> None:
    told = CliRunner().invoke(app, [name, "--help"]).output
    assert "│ --seed " in told
    assert f"│ --{option} " not in told
    value = [str(tmp_path)] if option == "out" else ["3"]
    assert "has no use for it" in CliRunner().invoke(app, [name, str(tmp_path), f"--{option}", *value]).output


# The first two only look; all four stages may be given the same options, and who is synthetic has no pseudonym.
HARMLESS = {("doctor", "dry_run"), ("verify", "dry_run"), ("synth", "key")}
