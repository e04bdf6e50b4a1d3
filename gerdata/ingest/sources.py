"""What is offered: every file of the named folders, globs, tars and URLs, each exactly once."""

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gerdata.errors import RejectedInput, UsageError
from gerdata.ingest.tars import members_of
from gerdata.media.address import Address, filesystem_of, number_in

PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}


@dataclass(frozen=True, slots=True)
class Source:
    """One offered file, member of a tar, or folder of numbered pictures. All of it is private.

    `name` is its path below the root it was found in, `told` what lay beside it in a tar, `verdict` a reason and detail
    where it is refused unopened, `tar` the name of the tar it is a member of.
    """

    root: int
    name: str
    address: Address
    told: Mapping[str, str] = field(default_factory=dict)
    verdict: tuple[str, str] | None = None
    tar: str | None = None

    @property
    def folders(self) -> tuple[str, ...]:
        """Names of the folders between the root and the file, nearest first; the root itself comes last."""
        inner = self.name.split("/")[:-1]
        above = self.address.uri.rstrip("/").split("/")[: -1 - len(inner)] if self.tar is None else []
        return (*reversed(inner), *above[-1:])


def find(roots: Sequence[str], leave_out: Sequence[Path], has_sequences: bool = False) -> list[Source]:
    """All that lies below the roots, sorted by root and name. Nothing is dropped: links, devices and files that are no
    media are listed too, and end with a reason.

    A root is a folder, a file, a glob or an fsspec URL. `leave_out` names files and folders that are gerdata's own.
    With `has_sequences`, a folder that holds only numbered pictures is one source. Raises `UsageError` for a root that is
    absent or holds nothing.
    """
    own = {path.resolve() for path in leave_out}
    found: list[Source] = []
    seen: set[str] = set()
    for number, root in enumerate(roots):
        listed = list(_remote(number, root) if is_url(root) else _local(number, root, own, has_sequences))
        if not listed:
            raise UsageError(f"{root}: expected clips there, it holds no files")
        for source in listed:
            if source.address.uri not in seen:
                seen.add(source.address.uri)
                found += _opened(source)
    return sorted(found, key=lambda source: (source.root, source.name.encode("utf-8", "surrogateescape")))


def is_url(root: str) -> bool:
    """Whether a root is a URL and no path."""
    scheme, colon, _ = root.partition("://")
    return bool(colon) and scheme.replace("+", "").isalnum()


def _local(number: int, root: str, own: set[Path], has_sequences: bool) -> Iterator[Source]:
    if os.path.lexists(root):
        paths = [Path(root)]
    elif glob.has_magic(root):
        paths = sorted(Path(name) for name in glob.glob(root, recursive=True))
    else:
        raise UsageError(f"{root}: expected a folder, a file, a glob or a URL of clips, found nothing there")
    base = _base_of(root)
    for path in paths:
        is_found = path.is_symlink() and path != Path(root)  # a link that the user names himself is followed
        real = Path(os.path.realpath(path.parent)) / path.name if is_found else Path(os.path.realpath(path))
        listed = _below(real, own, has_sequences) if real.is_dir() and not real.is_symlink() else [(real, False)]
        for one, is_folder in listed:
            top = real if path == Path(root) and real.is_dir() else base
            name = one.relative_to(top).as_posix() if one != top and one.is_relative_to(top) else one.name
            uri = Address.of(one).uri + ("/" if is_folder else "")
            yield Source(number, name, Address(uri))


def _base_of(root: str) -> Path:
    """The folder that the names of a glob, or of a single file, are relative to: all before its first wildcard."""
    parts = Path(root).parts
    plain = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    return Path(os.path.realpath(Path(*parts[:plain]) if plain else Path(".")))


def _below(root: Path, own: set[Path], has_sequences: bool) -> list[tuple[Path, bool]]:
    """Files below a folder, and whether each is a folder of pictures; links are listed and not followed."""
    listed: list[tuple[Path, bool]] = []
    for folder, folders, files in os.walk(root, followlinks=False):
        here = Path(folder)
        linked = [name for name in folders if (here / name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in linked and (here / name) not in own)
        if has_sequences and here != root and len(files) > 1 and not folders and not linked and _is_numbered(files):
            listed.append((here, True))
            continue
        listed += [(here / name, False) for name in [*files, *linked] if (here / name) not in own]
    return listed


def _is_numbered(files: Sequence[str]) -> bool:
    stems = [os.path.splitext(name) for name in files]
    return all(suffix.casefold() in PICTURE_SUFFIXES and number_in(stem) for stem, suffix in stems)


def _remote(number: int, root: str) -> Iterator[Source]:
    if "::" in root:
        raise UsageError(f"{root}: chained URLs are not supported; offer the outer folder or file itself")
    system, path = filesystem_of(root)
    protocol = root.partition("://")[0]
    try:
        if glob.has_magic(root) and not system.exists(path):
            listed = [name for name in system.glob(path) if system.isfile(name)]
        else:
            is_file = not root.endswith("/") and system.isfile(path)  # over HTTP, everything is a file
            listed = [path] if is_file else system.find(path)
    except Exception as error:  # each store raises errors of its own
        raise UsageError(f"{root}: cannot be listed ({type(error).__name__}: {error})"[:300]) from None
    base = path.rstrip("/")
    for name in sorted(listed):
        url = name if "://" in name else f"{protocol}://{name.lstrip('/')}"
        inner = name[len(base) :].lstrip("/") if name.startswith(base) and name != base else name.rsplit("/", 1)[-1]
        yield Source(number, inner, Address(url))


def _opened(source: Source) -> list[Source]:
    """A tar as its members, anything else as it is. A tar that cannot be walked to its end is listed itself, too."""
    if not source.name.casefold().endswith(".tar") or source.address.is_folder:
        return [source]
    members, ending = members_of(source.address)
    out = [
        Source(source.root, f"{source.name}/{one.name}", one.address, one.told, one.verdict, source.name)
        for one in members
    ]
    if ending is not None or not out:
        verdict = ending or RejectedInput("empty", "a tar without members")
        out.append(Source(source.root, source.name, source.address, {}, (verdict.reason, verdict.detail), source.name))
    return out
