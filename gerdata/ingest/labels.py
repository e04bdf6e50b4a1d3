"""Labels: what tables, folders and tars tell of sources before any is opened, by the dialect of their corpus."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from gerdata.clip import SPLITS
from gerdata.errors import LabelError
from gerdata.ingest.names import ANYWHERE, Names
from gerdata.ingest.sources import Source
from gerdata.ingest.tables import find_tables, place, rows_of, shown
from gerdata.recipe import IngestRecipe
from gerdata.recipe.dialect import USER_TABLE, Dialect, LabelFolder, LabelTable, with_columns

STEM_LIMIT = 255  # characters of a name that a group pattern is searched in
_SPLIT_WORDS = {**{name: name for name in SPLITS}, "val": "validation", "valid": "validation", "dev": "validation"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """What is known of one source before it is opened. None: not told.

    `label_original` is the corpus's own word. `label_soft` are the shares of the raters' words, in class order, and
    `label_margin` how far the first is ahead of the second. `is_dropped`: the recipe leaves this word out.
    `is_unlabelled_by_design`: the corpus publishes this file without a label.
    """

    label: str | None = None
    label_original: str | None = None
    group: str | None = None
    split: str | None = None
    fold: int | None = None
    label_soft: tuple[float, ...] | None = None
    label_margin: float | None = None
    label_rule: str | None = None
    is_dropped: bool = False
    is_unlabelled_by_design: bool = False


@dataclass(frozen=True)
class Told:
    """All that is told, before anything is left out.

    `by_source` is in the order of the sources. `missing` are names that tables name and that are nowhere, with what is
    told of them in `missing_told`; `elsewhere` counts rows of files that are there and were not offered. `leaks` are
    sentences about groups in several official splits. `tables` are the paths or URLs that were read. `counts`: files
    by split and class, "" where not told, `dropped` for words that the recipe leaves out.
    """

    by_source: tuple[Labelled, ...]
    missing: tuple[str, ...] = ()
    missing_told: tuple[Labelled, ...] = ()
    elsewhere: int = 0
    leaks: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


# One thing told of a file: what is compared when it is told again, and the fields of `Labelled` that it fills.
_Fact = tuple[Any, dict[str, Any]]


@dataclass
class _Entry:
    """What tables tell of one file so far, and where each thing was told first."""

    name: str  # as written in the table
    where: str
    facts: dict[str, _Fact] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def add(self, facts: Mapping[str, _Fact], where: str) -> None:
        """More of the same file; `LabelError` where it contradicts what was told."""
        for kind, fact in facts.items():
            if kind in self.facts and self.facts[kind][0] != fact[0]:
                was, now = (shown(str(_plain(value))) for value in (self.facts[kind][0], fact[0]))
                raise LabelError(
                    f"{where}: gives {shown(self.name)} the {kind} {now}, but {self.places[kind]} gives it {was}; "
                    "correct one of them"
                )
            self.facts.setdefault(kind, fact)
            self.places.setdefault(kind, where)


@dataclass
class _Book:
    """Entries of all files that tables name: by number of the source, by path elsewhere, by path where missing."""

    here: dict[int | str, _Entry] = field(default_factory=dict)
    elsewhere: dict[int | str, _Entry] = field(default_factory=dict)
    missing: dict[int | str, _Entry] = field(default_factory=dict)
    rows_missing: int = 0


class _Words:
    """The words of a corpus for its classes, in any case."""

    def __init__(self, dialect: Dialect, label_map: Mapping[str, str] | None = None) -> None:
        self.classes = dialect.classes
        self.dropped = {word.casefold() for word in dialect.dropped}
        self.map = dialect.label_map if label_map is None else label_map
        names = {name.casefold(): name for name in dialect.classes}
        self.known = {**names, **{word.casefold(): name for word, name in self.map.items()}}

    def fact(self, word: str, where: str) -> _Fact:
        """What a word tells; `LabelError` for a word that is neither known nor dropped."""
        if word.casefold() in self.dropped:
            return (None, True), {"label_original": word, "is_dropped": True}
        label = self.known.get(word.casefold())
        if label is None:
            also = f", and the words known are {', '.join((*self.map, *sorted(self.dropped)))}" if self.map else ""
            raise LabelError(
                f"{where}: label {shown(word)} is unknown; the classes are {', '.join(self.classes)}{also}"
            )
        return (label, False), {"label": label, "label_original": word}

    def votes(self, words: Sequence[str], where: str) -> _Fact | None:
        """What several raters tell: shares in class order, the majority or None on a tie. Empty cells are no votes."""
        told = [self.fact(word, where)[1] for word in words if word]
        counts = Counter(fact["label"] for fact in told if "label" in fact)
        if not counts:
            return ((None, True), {"is_dropped": True}) if told else None
        shares = tuple(counts[name] / counts.total() for name in self.classes)
        first, second = sorted(shares, reverse=True)[:2]
        label = self.classes[shares.index(first)] if first > second else None
        soft = {"label_soft": shares, "label_margin": first - second, "label_rule": "raters"}
        return (label, False), {"label": label, **soft}


def read_labels(
    sources: Sequence[Source],
    roots: Sequence[str],
    table: Path | None,
    recipe: IngestRecipe,
    allow_missing: bool,
    columns: Sequence[str] = (),
) -> Told:
    """What is told of every source: by the user's `table`, else by the recipe's tables, then by folders and names.

    `roots` are local paths or URLs, as offered; `columns` rename columns of `table` (`role=name`). Raises `LabelError`
    with the line for what cannot be meant, and for a required table that is not there.
    """
    names, book = Names(sources, roots), _Book()
    if table is not None:
        _read(str(table), with_columns(USER_TABLE, columns), recipe, (names, [names.beside(table), *names.bases], book))
        tables = [str(table)]
    elif columns:
        raise LabelError("--column renames columns of the table given with --labels; give one")
    else:
        tables = _read_official(roots, recipe, names, book)
    _check_missing(book, allow_missing)
    sidecars = _Words(recipe)
    told = []
    for number, source in enumerate(sources):
        entry = book.here.get(number) or _Entry(source.name, source.name)
        _add_sidecar(source, entry, sidecars, is_strict=table is None)
        told.append(_by_place(source, entry, recipe, sidecars, has_table=table is not None))
    missing = tuple(_settled(entry, recipe, entry.name) for entry in book.missing.values())
    elsewhere = tuple(_settled(entry, recipe, entry.name) for entry in book.elsewhere.values())
    _check_fold(recipe, (*told, *missing, *elsewhere))
    return Told(
        by_source=tuple(told),
        missing=tuple(entry.name for entry in book.missing.values()),
        missing_told=missing,
        elsewhere=len(elsewhere),
        leaks=_leaks((*told, *missing, *elsewhere)),
        tables=tuple(tables),
        counts=_counts((*told, *missing, *elsewhere)),
    )


def table_places(roots: Sequence[str], recipe: IngestRecipe) -> tuple[str, ...]:
    """Paths or URLs of the recipe's tables below the roots: they are gerdata's to read, and no sources."""
    return tuple(dict.fromkeys(found.where for form in recipe.tables for found in find_tables(roots, form)))


def _read_official(roots: Sequence[str], recipe: IngestRecipe, names: Names, book: _Book) -> list[str]:
    read = []
    for form in recipe.tables:
        found = find_tables(roots, form)
        if not found and form.is_required:
            layout = ", ".join(
                [table.path for table in recipe.tables] + [f"{at.path}/" for at in recipe.folders if at.path]
            )
            raise LabelError(
                f"expected the table {form.path} below {', '.join(roots)}, found none; this recipe's layout is: "
                f"{layout}; offer the folder that holds it, or give your own table with --labels"
            )
        for one in found:
            bases = [names.bases[one.root], *(base for base in names.bases if base != names.bases[one.root])]
            _read(one.where, form, recipe, (names, bases, book), one.fold)
            read.append(one.where)
    if not recipe.tables and not recipe.folders:
        raise LabelError("this recipe reads labels from your own table; give it with --labels FILE")
    return read


def _read(
    where: str, form: LabelTable, recipe: IngestRecipe, into: tuple[Names, list[str], _Book], fold: int | None = None
) -> None:
    """All rows of one table into the book."""
    names, bases, book = into
    words = _Words(recipe, form.label_map)
    is_users = form.path == ""
    splits: dict[str, str] = {}
    for line, row in rows_of(where, form):
        at = place(where, line)
        facts = _facts(row, form, words, at, fold)
        if is_users and "group" in facts and "split" in facts:
            group, split = facts["group"][0], facts["split"][0]
            if splits.setdefault(group, split) != split:
                raise LabelError(f"{at}: group {shown(group)} is in two splits; a group stays in one")
        name = _name_of(row[form.file], form)
        kind, key = names.find(name, bases, at)
        shelf = {"here": book.here, "elsewhere": book.elsewhere, "missing": book.missing}[kind]
        if is_users and key in shelf:
            raise LabelError(f"{at}: repeats {shown(row[form.file])} of {shelf[key].where}; keep one of them")
        book.rows_missing += kind == "missing"
        shelf.setdefault(key, _Entry(name.removeprefix(ANYWHERE), at)).add(facts, at)


def _name_of(cell: str, form: LabelTable) -> str:
    """The name below a root that a cell stands for; an ending that the cell has already is not put there twice."""
    head, tail = form.file_form.split("{}")
    padded = cell.zfill(form.pad) if cell.isdecimal() else cell
    return head + padded + ("" if tail and cell.casefold().endswith(tail.casefold()) else tail)


def _facts(row: Mapping[str, str], form: LabelTable, words: _Words, at: str, fold: int | None) -> dict[str, _Fact]:
    """What one row tells, by kind."""
    facts: dict[str, _Fact] = {}
    if form.raters and (votes := words.votes([row[name] for name in form.raters], at)):
        facts["label"] = votes
    elif form.label and row.get(form.label):
        facts["label"] = words.fact(row[form.label], at)
    if group := row.get(form.group):
        facts["group"] = group, {"group": group}
    if split := form.split or _split(row.get(form.split_column, ""), at):
        facts["split"] = split, {"split": split}
    told = fold if fold is not None else _fold(row.get(form.fold_column, ""), at)
    if told is not None:
        facts["fold"] = told, {"fold": told}
    return facts


def _split(word: str, at: str) -> str:
    if word and word.casefold() not in _SPLIT_WORDS:
        raise LabelError(f"{at}: split {shown(word)} is unknown; the splits are {', '.join(SPLITS)}")
    return _SPLIT_WORDS.get(word.casefold(), "")


def _fold(word: str, at: str) -> int | None:
    if word and not re.fullmatch("[0-9]{1,4}", word):
        raise LabelError(f"{at}: fold {shown(word)} is no number; folds are counted 1, 2, ...")
    return int(word) if word else None


def _check_missing(book: _Book, allow_missing: bool) -> None:
    if book.missing and not allow_missing:
        first = next(iter(book.missing.values()))
        raise LabelError(
            f"{first.where}: names {shown(first.name)}, which is neither beside the table nor below the sources"
            + (f" ({book.rows_missing} such rows)" if book.rows_missing > 1 else "")
            + "; correct the table, or pass --allow-missing to count them as rejected"
        )


def _add_sidecar(source: Source, entry: _Entry, words: _Words, is_strict: bool) -> None:
    """What lay beside the source in its tar. The user's own table goes before it; a recipe's may not contradict it."""
    cells = {name: source.told[name].strip() for name in ("label", "group", "split") if source.told.get(name)}
    if cells:
        form = LabelTable(label="label", group="group", split_column="split")
        facts = _facts(cells, form, words, source.name, None)
        entry.add({kind: fact for kind, fact in facts.items() if is_strict or kind not in entry.facts}, source.name)


def _by_place(source: Source, entry: _Entry, recipe: IngestRecipe, words: _Words, has_table: bool) -> Labelled:
    """The entry of a source, completed by where it lies."""
    parts = PurePosixPath(source.name).parts[:-1]
    folder = next((folder for folder in recipe.folders if _lies_in(parts, folder)), None)
    extra: dict[str, Any] = {}
    if folder is not None:
        by_folder = folder.labels != "none" and not has_table and "label" not in entry.facts
        word = next((name for name in source.folders if by_folder and _names_class(name, words)), None)
        if word is not None:
            entry.add({"label": words.fact(word, source.name)}, source.name)
        if folder.split and "split" not in entry.facts:
            extra["split"] = folder.split
        extra["is_unlabelled_by_design"] = folder.labels != "folders" and "label" not in entry.facts
    return _settled(entry, recipe, source.name, extra)


def _names_class(name: str, words: _Words) -> bool:
    return name.casefold() in words.known or name.casefold() in words.dropped


def _lies_in(parts: Sequence[str], folder: LabelFolder) -> bool:
    wanted = folder.path.split("/") if folder.path else []
    return len(wanted) <= len(parts) and all(
        re.fullmatch(_pattern(want), part, re.IGNORECASE) for want, part in zip(wanted, parts, strict=False)
    )


def _pattern(want: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in want)


def _settled(entry: _Entry, recipe: IngestRecipe, name: str, extra: Mapping[str, Any] | None = None) -> Labelled:
    """An entry as one value, with the group that its name tells and the split that its fold tells."""
    told: dict[str, Any] = dict(extra or {})
    for _, values in entry.facts.values():
        told.update(values)
    if recipe.group_pattern and "group" not in told:
        found = re.search(recipe.group_pattern, PurePosixPath(name).stem[:STEM_LIMIT])
        told["group"] = found[1] or None if found else None
    if recipe.fold and told.get("fold") is not None and "split" not in told:
        told["split"] = "test" if told["fold"] == recipe.fold else "train"
    return Labelled(**told)


def _check_fold(recipe: IngestRecipe, told: Sequence[Labelled]) -> None:
    folds = {labelled.fold for labelled in told if labelled.fold is not None}
    if folds and recipe.fold and recipe.fold not in folds:
        raise LabelError(
            f"fold {recipe.fold} is asked for as test split; the tables tell {', '.join(map(str, sorted(folds)))}"
        )


def _leaks(told: Sequence[Labelled]) -> tuple[str, ...]:
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for labelled in told:
        if labelled.group and labelled.split:
            groups[labelled.group][labelled.split] += 1
    return tuple(
        f"group {shown(group)} is in " + " and ".join(f"{name} ({counts[name]})" for name in SPLITS if counts[name])
        for group, counts in sorted(groups.items())
        if len(counts) > 1
    )


def _counts(told: Sequence[Labelled]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for labelled in told:
        if labelled != Labelled(group=labelled.group):  # what only a pattern knows is not part of the corpus
            counts[labelled.split or ""]["dropped" if labelled.is_dropped else labelled.label or ""] += 1
    return {split: dict(by_label) for split, by_label in sorted(counts.items())}


def _plain(value: Any) -> Any:
    return (value[0] or "dropped") if isinstance(value, tuple) else value
