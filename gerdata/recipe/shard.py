"""How finished samples become a release."""

from pydantic import Field

from gerdata.recipe.form import Recipe, Share


class ShardRecipe(Recipe):
    """How finished samples become a release."""

    samples_per_shard: int = Field(256, ge=1, le=100_000)
    synthetic_rate: float = Field(0.3, ge=0, lt=1)  # of the training split, once any real clip is in
    train_share: Share = 0.7  # of the casts of a purely synthetic release
    validation_share: Share = 0.15
