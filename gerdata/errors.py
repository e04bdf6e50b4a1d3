"""One tree of errors; each leaf knows its exit code.

A message says what was expected, what came, and what to do next. The command line prints
it as one sentence and leaves with `exit_code`; nothing below ever calls `sys.exit`.
"""


class GerdataError(Exception):
    """Something the user can act on. Exit code 1 unless a leaf says otherwise."""

    exit_code = 1


class UsageError(GerdataError):
    """The command was asked for something that cannot be meant."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe, or an override of one, is not in the closed vocabulary."""


class LabelError(UsageError):
    """A labels table cannot be read as it stands."""


class DatasetError(GerdataError):
    """A dataset on disk is missing, unfinished or not what was asked for."""


class FingerprintError(DatasetError):
    """The dataset at the target was made from something else."""


class AccountError(GerdataError):
    """The two sums (sources, clips) do not hold. Always a defect of gerdata, never of the input."""


class RejectsError(GerdataError):
    """The work is done, but more inputs were rejected than the user allows."""

    exit_code = 3


class FindingError(GerdataError):
    """`verify` or `audit` found something."""

    exit_code = 4


class MissingError(GerdataError):
    """A model or an extra is not installed; the message is the line to run."""

    exit_code = 5


class InterruptedRun(GerdataError):  # noqa: N818 - an interruption is not an error
    """Stopped by the user; finished parts stay, the same command goes on from there."""

    exit_code = 130


class RejectedInput(GerdataError):  # noqa: N818 - a verdict about one input, not a failure of the run
    """One input cannot be used: `reason` is a code of `manifest.REASONS`, `detail` a number or a word."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
