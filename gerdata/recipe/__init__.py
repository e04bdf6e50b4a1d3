"""Recipes: how a stage is to be done, as TOML with a closed vocabulary and no code.

A recipe is `recipes/<command>/NAME.toml`, or any path that ends in `.toml`. `--set key=value` overrides an existing
key with a TOML value of its type. What a stage gets is a frozen, validated value; its fingerprint names it.
"""

from gerdata.recipe.ablate import AblateRecipe, Cell, ViewRecipe
from gerdata.recipe.form import Recipe
from gerdata.recipe.ingest import IngestRecipe
from gerdata.recipe.load import load, recipe_names, recipes_dir, shipped_name
from gerdata.recipe.protect import COSMETIC_OPS, ProtectRecipe
from gerdata.recipe.shard import ShardRecipe, Terms
from gerdata.recipe.synth import SynthRecipe
from gerdata.recipe.train import AugmentRecipe, TrainRecipe

__all__ = [
    "COSMETIC_OPS",
    "RECIPES",
    "AblateRecipe",
    "AugmentRecipe",
    "Cell",
    "IngestRecipe",
    "ProtectRecipe",
    "Recipe",
    "ShardRecipe",
    "SynthRecipe",
    "Terms",
    "TrainRecipe",
    "ViewRecipe",
    "load",
    "recipe_names",
    "recipes_dir",
    "shipped_name",
]

RECIPES: dict[str, type[Recipe]] = {
    "ingest": IngestRecipe,
    "protect": ProtectRecipe,
    "synth": SynthRecipe,
    "shard": ShardRecipe,
    "train": TrainRecipe,
    "ablate": AblateRecipe,
    "augment": AugmentRecipe,  # of no command: `train` names it
}
