"""A finished run as two files for others: the weights that answer, and what they are. Nothing of the decoders goes along
where the answer does not need them; where it does, the description says so."""

import json
from pathlib import Path

from safetensors.torch import save

from gerdata.errors import DatasetError
from gerdata.learn.architecture import AT_INFERENCE, TARGET_ONLY
from gerdata.learn.evaluate import load
from gerdata.learn.ve_md import VeMd
from gerdata.store.commit import make_folder, write_atomic

WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
WORDS = {
    "none": "no structure of people was learnt from",
    TARGET_ONLY: "structure of people was a target in training; these weights cannot estimate it",
    AT_INFERENCE: "these weights ESTIMATE THE STRUCTURE OF PEOPLE AT INFERENCE and use it",
}


def export_run(run: Path, out: Path) -> Path:
    """`out/model.safetensors` and `out/model.json`; the folder. `DatasetError` where `out` holds a model already."""
    trained = load(run)
    if (out / WEIGHTS).exists():
        raise DatasetError(f"{out}: holds a model already; choose another place")
    model = trained.model
    if isinstance(model, VeMd) and model.design.route == "latent":
        model = model.without_decoders()
    told, recipe = trained.run, trained.run.identity.recipe
    description = {
        "classes": told.identity.classes,
        "recipe": recipe.model_dump(mode="json"),
        "structure": told.structure,
        "structure_source": told.structure_source,
        "notice": WORDS[told.structure],
        "protection": told.protection,
        "synthetic": told.synthetic,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    make_folder(out)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    write_atomic(out / WEIGHTS, save(weights, metadata={"structure": told.structure, "notice": WORDS[told.structure]}))
    write_atomic(out / DESCRIPTION, (json.dumps(description, indent=1) + "\n").encode())
    return out
