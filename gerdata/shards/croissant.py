"""`croissant.json`: the release in the words of Croissant 1.1 (MLCommons), with its responsible-AI fields and PROV-O.

`samples` are the rows, with their media where shards are Parquet; beside tars each kind of file is a record set of its own
(`jpg`, `flac`, ...), every file with the key of its sample. Splits and classes are sets that rows refer to.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gerdata.clip import SPLITS, Clip
from gerdata.manifest import Header
from gerdata.shards.words import EXCLUDED_USES, INTENDED_USE, NOT_PREVENTED, attacks_of, licences_told, title_of
from gerdata.store.members import VIDEO
from gerdata.store.parquet import column_of

_PARQUET, _TAR = "application/x-parquet", "application/x-tar"
_KINDS = {"jpg": "image/jpeg", "mp4": "video/mp4", "flac": "audio/flac", "wav": "audio/wav"}
_SPLIT_TERMS = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "test": "cr:TestSplit"}
_ROWS = {  # of the manifest: column to type
    "id": "sc:Text",
    "group": "sc:Text",
    "label": "sc:Text",
    "split": "sc:Text",
    "duration_s": "sc:Float",
    "n_frames": "sc:Integer",
    "height_px": "sc:Integer",
    "width_px": "sc:Integer",
    "has_audio": "sc:Boolean",
    "has_video": "sc:Boolean",
    "is_synthetic": "sc:Boolean",
    "protection": "sc:Text",
}
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant(header: Header, clips: Sequence[Clip], sums: Mapping[str, str], sizes: Mapping[str, int]) -> str:
    """The whole document, a function of the header, the rows and the files: `sums` and `sizes` by path."""
    told = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": header.fingerprint.get("release", "release"),
        "description": f"{title_of(header, clips)}. {header.notice[:1].upper()}{header.notice[1:]}.",
        "version": "1.0.0",
        "license": header.recipe.get("licence") or "; ".join(licences_told(header)) or "not stated",
        **({"datePublished": date} if (date := header.fingerprint.get("date")) else {}),
        "isLiveDataset": False,
        "keywords": ["group emotion recognition", "affective computing", "de-identification", "audio-visual"],
        **_responsible(header, clips),
        **_provenance(header),
        "distribution": _distribution(header, sums, sizes),
        "recordSet": [_splits(), _classes(header), _samples(header, sums), *_files(header)],
    }
    return json.dumps(told, indent=1, ensure_ascii=True) + "\n"


def _responsible(header: Header, clips: Sequence[Clip]) -> dict[str, Any]:
    rules = sorted({clip.label_rule for clip in clips if clip.label_rule})
    made = [f"{one['stage']}: {one['protection']}" for one in header.parents]
    return {
        "rai:dataCollection": "Clips of groups, and scenes that were planned and rendered; see the card.",
        "rai:dataPreprocessingProtocol": made,
        "rai:dataAnnotationProtocol": [f"label rule: {rule}" for rule in rules] or ["labels as the sources have them"],
        "rai:dataUseCases": [INTENDED_USE],
        "rai:dataLimitations": [*NOT_PREVENTED, *EXCLUDED_USES],
        "rai:dataBiases": [line for line in attacks_of(header) if line.startswith("shortcut")]
        or ["shortcuts: not searched"],
        "rai:personalSensitiveInformation": [header.notice, *NOT_PREVENTED],
        "rai:dataReleaseMaintenancePlan": "A release is never changed; another one has another name and other ids.",
    }


def _provenance(header: Header) -> dict[str, Any]:
    """Where it comes from: a thing by what is public of it, never by a path or a digest of what stays private."""
    told = [{"@type": "prov:Entity", "prov:label": one.get("source") or one["protection"]} for one in header.parents]
    activity = {
        "@type": "prov:Activity",
        "prov:label": "gerdata shard",
        "prov:value": header.fingerprint["recipe"],
        "prov:wasAssociatedWith": {"@type": "prov:SoftwareAgent", "prov:label": "gerdata"},
    }
    return {"prov:wasDerivedFrom": told, "prov:wasGeneratedBy": activity}


def _distribution(header: Header, sums: Mapping[str, str], sizes: Mapping[str, int]) -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = [
        {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": name,
            "contentSize": f"{sizes[name]} B",
            "encodingFormat": _TAR if name.endswith(".tar") else _PARQUET,
            "sha256": sums[name],
        }
        for name in sums
    ]
    rows = "data" if any(name.startswith("data/") for name in sums) else "manifest"
    files.append(_set("rows", [], f"{rows}/*.parquet", _PARQUET))
    tars = [name for name in sums if name.endswith(".tar")]
    for kind in _kinds(header) if tars else ():
        files.append(_set(f"{kind}-files", tars, f"*.{kind}", _KINDS[kind]))
    return files


def _set(name: str, of: Sequence[str], includes: str, kind: str) -> dict[str, Any]:
    """Files of a kind: in the archives named, else beside this document."""
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        **({"containedIn": [{"@id": one} for one in of]} if of else {}),
        "encodingFormat": kind,
        "includes": includes,
    }


def _kinds(header: Header) -> list[str]:
    """The kinds of media files in a sample, in order."""
    return [kind for kind in dict.fromkeys(name.rpartition(".")[2] for name in header.members) if kind in _KINDS]


def _splits() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [_plain("splits/name", "sc:Text"), _plain("splits/url", "sc:URL")],
        "data": [{"splits/name": split, "splits/url": _SPLIT_TERMS[split]} for split in SPLITS],
    }


def _classes(header: Header) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "classes",
        "name": "classes",
        "dataType": "sc:Enumeration",
        "key": {"@id": "classes/name"},
        "field": [_plain("classes/name", "sc:Text")],
        "data": [{"classes/name": name} for name in header.classes],
    }


def _samples(header: Header, sums: Mapping[str, str]) -> dict[str, Any]:
    fields = [_of_rows(name, kind, {"column": name}) for name, kind in _ROWS.items()]
    if any(name.startswith("data/") for name in sums):
        fields += [_medium(suffix) for suffix in header.members if suffix.rpartition(".")[2] in _KINDS]
    for one in fields:
        if one["@id"] == "samples/label":
            one["dataType"] = ["sc:Text", "cr:Label"]
    return {
        "@type": "cr:RecordSet",
        "@id": "samples",
        "name": "samples",
        "description": "A row a sample; label is one of the classes, or missing.",
        "key": {"@id": "samples/id"},
        "field": fields,
    }


def _medium(suffix: str) -> dict[str, Any]:
    kind = "sc:ImageObject" if suffix.endswith(".jpg") else "sc:VideoObject" if suffix == VIDEO else "sc:AudioObject"
    one = _of_rows(column_of(suffix), kind, {"column": column_of(suffix)})
    one["source"]["transform"] = {"jsonPath": "bytes"}
    return one


def _files(header: Header) -> list[dict[str, Any]]:
    """Of tars: each kind of file, with the key of its sample."""
    if header.recipe.get("format") == "parquet":
        return []
    return [_record_set_of(kind) for kind in _kinds(header)]


def _record_set_of(kind: str) -> dict[str, Any]:
    types = {"jpg": "sc:ImageObject", "mp4": "sc:VideoObject"}
    source = {"fileSet": {"@id": f"{kind}-files"}}
    named = {"extract": {"fileProperty": "filename"}, "transform": {"regex": r"([a-z0-9-]+)\..*"}}
    return {
        "@type": "cr:RecordSet",
        "@id": kind,
        "name": kind,
        "description": f"Every .{kind} file of the shards; key is the id of its sample.",
        "field": [
            _plain(f"{kind}/key", "sc:Text", source | named),
            _plain(f"{kind}/name", "sc:Text", source | {"extract": {"fileProperty": "filename"}}),
            _plain(
                f"{kind}/content", types.get(kind, "sc:AudioObject"), source | {"extract": {"fileProperty": "content"}}
            ),
        ],
    }


def _of_rows(name: str, kind: str, extract: Mapping[str, str]) -> dict[str, Any]:
    one = _plain(f"samples/{name}", kind, {"fileSet": {"@id": "rows"}, "extract": dict(extract)})
    if name == "split":
        one["references"] = {"field": {"@id": "splits/name"}}
    return one


def _plain(name: str, kind: str, source: Mapping[str, Any] | None = None) -> dict[str, Any]:
    one: dict[str, Any] = {"@type": "cr:Field", "@id": name, "name": name, "dataType": kind}
    return one | {"source": dict(source)} if source else one
