"""The command line inside the process of the tests: what a command prints and how it ends, without starting Python anew."""

import pytest
from conftest import Gerdata, Ran
from typer.testing import CliRunner

from gerdata.cli import app


@pytest.fixture(scope="session")
def here() -> Gerdata:
    """As `gerdata`, for tests that ask what a command says rather than how a process behaves."""

    def run(*words: object) -> Ran:
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Ran(done.exit_code, done.stdout, done.stderr)

    return run
