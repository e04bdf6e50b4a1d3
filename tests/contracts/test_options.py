"""What a command is told it does, or it says that it does not."""

import re
from pathlib import Path

import pytest

from gerdata.cli import __file__ as at

COMMANDS = sorted(path.stem for path in Path(at).parent.glob("*.py") if "@command" in path.read_text())
CHANGING = ("set", "limit", "dry_run")  # what is done would not be what was asked for


@pytest.mark.parametrize("name", [one for one in COMMANDS if one != "options"])
def test_options_that_change_what_is_done_are_obeyed_or_refused(name: str) -> None:
    source = (Path(at).parent / f"{name}.py").read_text()
    refused = re.findall(r"\"(\w+)\"", "".join(re.findall(r"@command_without\((.*)\)", source)))
    for option in CHANGING:
        is_read = re.search(rf"shared\.{option}\b", source) is not None
        assert is_read or option in refused or (name, option) in HARMLESS, (name, option)
        assert not (is_read and option in refused), (name, option)


HARMLESS = {("doctor", "dry_run"), ("verify", "dry_run")}  # they only look
