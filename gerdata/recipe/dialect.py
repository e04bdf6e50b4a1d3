"""How a corpus lays out its files and writes its labels, as data: the part of an ingest recipe that names no code.

A dialect says which words mean which class, which tables and folders tell labels, splits, groups and folds, and what is
not certain about all that. `gerdata.ingest.labels` reads by it.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gerdata.clip import CLASSES
from gerdata.errors import LabelError

PATTERN_LIMIT = 200  # characters of a group pattern
FOLD = "{fold}"
SEPARATORS = {"comma": ",", "tab": "\t", "space": " ", "semicolon": ";"}
ROLES = {"file": "file", "label": "label", "group": "group", "split": "split_column", "fold": "fold_column"}
Separator = Literal["auto", "comma", "tab", "space", "semicolon"]
Split = Literal["", "train", "validation", "test"]
Below = Annotated[str, Field(max_length=500)]  # a posix path below a root; may hold * and ?
Column = Annotated[str, Field(max_length=200)]


def _check_below(path: str, name: str) -> None:
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or "\\" in path or "\0" in path or ":" in path:
        raise ValueError(
            f"{name} is a path below a root: relative, with / between folders, without .. and without a scheme"
        )


class _Layout(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LabelTable(_Layout):
    """One table, or all tables of one form. Columns are named as in the header, or `1`, `2`, ... where there is none.

    `path` is a glob below a root; `{fold}` in it stands for digits and tells the fold of all rows. `split` holds for
    all rows; "" where a column or the fold tells it. `raters` are columns of one word each; they take the place of
    `label`. `file_form` makes the file's name below the root from a cell; in the form `**/{}` the file may lie anywhere
    below the root. `pad` fills numeric ids with zeros to that width. `optional` columns may be absent.
    """

    path: Below = ""
    split: Split = ""
    separator: Separator = "auto"
    has_header: bool = True
    file: Column = "file"
    label: Column = ""
    group: Column = ""
    split_column: Column = ""
    fold_column: Column = ""
    raters: tuple[Column, ...] = Field(default=(), strict=False, max_length=1000)
    file_form: Below = "{}"
    pad: int = Field(default=0, ge=0, le=32)
    is_required: bool = True
    label_map: dict[str, str] | None = None  # in place of the recipe's, where one table counts differently
    optional: tuple[Column, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _forms(self) -> "LabelTable":
        _check_below(self.path, "path")
        _check_below(self.file_form, "file_form")
        if self.file_form.count("{}") != 1 or "{" in self.file_form.replace("{}", ""):
            raise ValueError("file_form holds {} once, where the cell of the table goes")
        if "*" in self.file_form.removeprefix("**/"):
            raise ValueError("file_form may begin with **/ and holds no other *")
        if "{" in self.path.replace(FOLD, "", 1):
            raise ValueError("path may hold {fold} once, and no other braces")
        if not self.file:
            raise ValueError("file is the column that names the files; it cannot be empty")
        if self.raters and self.label:
            raise ValueError("raters take the place of label; set one of them")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read."""
        told = (self.file, self.label, self.group, self.split_column, self.fold_column, *self.raters)
        return tuple(dict.fromkeys(name for name in told if name))


class LabelFolder(_Layout):
    """One folder of a corpus: what its place tells of the files in it.

    `path` is a folder below a root, in any case, with * and ? in its parts; "" is the root itself. `labels`: `folders`
    = the nearest folder above the file that is named like a class; `none` = published without labels (official test
    sets), kept so on purpose; `folders-or-none` = one of the two, file by file.
    """

    path: Below = ""
    split: Split = ""
    labels: Literal["folders", "none", "folders-or-none"] = "folders"

    @model_validator(mode="after")
    def _forms(self) -> "LabelFolder":
        _check_below(self.path, "path")
        return self


class Dialect(BaseModel):
    """The corpus part of an ingest recipe.

    `label_map` goes from the corpus's words, in any case, to `classes`; class names always stand for themselves unless
    it says otherwise. `dropped` words are told and then rejected by reason. `group_pattern` is a regular expression
    with one group, searched in the file's name without folders and last suffix. `fold` > 0 names the official fold that
    is the test split; all others train. `expected` names a file of `manifests/expected`.
    """

    classes: tuple[str, ...] = Field(default=CLASSES, strict=False, min_length=2)
    label_map: dict[str, str] = {}
    dropped: tuple[str, ...] = Field(default=(), strict=False)
    tables: tuple[LabelTable, ...] = Field(default=(), strict=False, max_length=100)
    folders: tuple[LabelFolder, ...] = Field(default=(LabelFolder(),), strict=False, max_length=100)
    group_pattern: str = Field(default="", max_length=PATTERN_LIMIT)
    is_individual: bool = False
    excluded_use: str = ""  # why this corpus serves an excluded use; the command then asks for consent
    fold: int = Field(default=0, ge=0, le=1000)
    expected: str = Field(default="", pattern=r"^[a-z0-9-]*$")
    unverified: tuple[str, ...] = Field(default=(), strict=False)  # what this recipe assumes and nobody has checked

    @model_validator(mode="after")
    def _words(self) -> "Dialect":
        if not all(table.path for table in self.tables):
            raise ValueError("each of the tables needs a path below the root")
        for words in (self.label_map, *(table.label_map or {} for table in self.tables)):
            unknown = sorted(set(words.values()) - set(self.classes))
            if unknown:
                raise ValueError(f"label_map leads to {unknown[0]!r}, which is not one of the classes")
            if len({word.casefold() for word in words}) != len(words):
                raise ValueError("label_map holds one word twice, in different case")
            if {word.casefold() for word in words} & {word.casefold() for word in self.dropped}:
                raise ValueError("a word is both in label_map and dropped")
        return self

    @model_validator(mode="after")
    def _pattern(self) -> "Dialect":
        try:
            groups = re.compile(self.group_pattern).groups
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"group_pattern is not a regular expression ({error})") from None
        if self.group_pattern and groups != 1:
            raise ValueError(f"group_pattern has {groups} groups in parentheses, expected one")
        return self


USER_TABLE = LabelTable(
    label="label",
    group="group",
    split_column="split",
    fold_column="fold",
    is_required=False,
    optional=("group", "split", "fold"),
)


def with_columns(table: LabelTable, columns: Sequence[str]) -> LabelTable:
    """The table with other columns, each given as `role=name`: `file=Vid_name`, `label=Label`, `raters=r1,r2,r3`.

    A column that is named so must be there. Raises `LabelError` for another role, an empty name or a repetition.
    """
    changed: dict[str, object] = {}
    optional = set(table.optional)
    for column in columns:
        role, equals, name = (part.strip() for part in column.partition("="))
        if not equals or not name or role not in (*ROLES, "raters"):
            roles = ", ".join((*ROLES, "raters"))
            raise LabelError(f"--column {column[:100]!r}: expected role=name, with a role of {roles}")
        field = ROLES.get(role, role)
        if field in changed:
            raise LabelError(f"--column {column[:100]!r}: the role {role} is named twice; keep one")
        changed[field] = name if role != "raters" else tuple(part.strip() for part in name.split(",") if part.strip())
        optional.discard(str(getattr(table, field)) if role != "raters" else "")
    if "raters" in changed and "label" in changed:
        raise LabelError("--column: raters take the place of label; name one of them")
    if "raters" in changed:
        changed["label"] = ""
    named = {name for name in changed.values() if isinstance(name, str)}
    changed["optional"] = tuple(name for name in table.optional if name in optional - named)
    return LabelTable.model_validate({**table.model_dump(), **changed})
