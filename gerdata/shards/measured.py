"""Measures of the sources of protected samples, looked up where the private index of `ingest` is: to choose by, and never
written anywhere."""

from collections.abc import Iterable, Mapping
from dataclasses import fields

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gerdata.clip import Quality
from gerdata.errors import DatasetError
from gerdata.media.quality import binned
from gerdata.store.private import Private

MEASURES = "measures"  # their key in a release's fingerprint
_MEASURES = tuple(one.name for one in fields(Quality))


def source_measures(private: Private, ids: Iterable[str]) -> dict[str, Quality]:
    """By the id that a clip has in protected datasets: what `ingest` measured, in the bins of its rows. A clip that the
    private folder does not know is left out. `DatasetError` for an index that cannot be read."""
    wanted = pa.array(sorted(set(ids)), pa.string())
    out: dict[str, Quality] = {}
    for path in sorted(private.root.glob("*/index.parquet")):
        try:
            names = [name for name in pq.read_schema(path).names if name in _MEASURES]
            table = pq.read_table(path, columns=["id", *names])
            found = table.filter(pc.is_in(table["id"], wanted)).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise DatasetError(
                f"{path}: not a readable index ({str(error).splitlines()[0]}); run ingest again"
            ) from None
        out |= {str(raw.pop("id")): binned(**raw) for raw in found}
    return out


def measures_digest(measured: Mapping[str, Quality], private: Private, release: str) -> str:
    """Keyed, and of one release: it tells whether two are the same, and nothing else."""
    told = "".join(f"{name} {quality}\n" for name, quality in sorted(measured.items()))
    return private.fingerprint("measures", f"{release} {told}".encode())
