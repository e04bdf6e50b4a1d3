"""How people are protected."""

from typing import Literal

from pydantic import Field

from gerdata.recipe.form import PositiveInt, Recipe

COSMETIC_OPS = {"blur_heads", "pixelate_heads", "vocode_voice", "mcadams_voice"}  # undone by an attacker who retrains


class ProtectRecipe(Recipe):
    """What is done to picture and sound before anything leaves the raw data's place."""

    frame_op: Literal[
        "remove_heads",
        "replace_heads",
        "remove_people",
        "blur_heads",
        "pixelate_heads",
        "shrink_frame",
        "features_only",
        "raw_frame",
    ]
    voice_op: Literal["mute", "steps", "bed", "bed_dynamic", "numbers", "vocode_voice", "mcadams_voice", "raw_voice"]
    min_score: float = Field(0.25, gt=0, lt=1)  # of a head in any frame; lower finds more, and more that is none
    tile_score: float = Field(0.25, gt=0, lt=1)  # of a head in the enlarged tiles of kept frames
    hold_frames: int = Field(12, ge=0, le=250)  # about half a second before the first and after the last sighting
    check_score: float = Field(0.5, gt=0, lt=1)  # of the second detector, on what would be stored
    sure_score: float = Field(
        0.8, gt=0, le=1
    )  # and more: the clip is refused; less: the place is filled and searched again
    check_px: int = Field(16, ge=4, le=256)  # faces at least this large in the stored frame count
    shrink_px: int = Field(32, ge=4, le=64)
    blur_sigma_share: float = Field(0.13, gt=0, le=1)  # of a head's width
    pixelate_blocks: int = Field(8, ge=1, le=64)
    # what the faces of avatars show (replace_heads): what the persons' own were estimated to, in 3 x 3 steps; the same, but of
    # others in the clip, by lot (a control); nothing, and no person's expression is estimated
    expressions: Literal["estimated", "shuffled", "none"] = "estimated"
    structure: Literal["none", "private", "heatmaps"] = "none"  # of people: kept in private/, or its body maps released
    n_frames: int = Field(5, ge=1, le=256)  # 5 frames suffice on VGAF (arXiv 2312.05265)
    frame_px: int = Field(224, ge=16, le=1024)
    jpeg_quality: int = Field(92, ge=50, le=100)
    max_pixels: PositiveInt = 40_000_000

    @property
    def strength(self) -> Literal["removing", "cosmetic", "raw"]:
        """What the weaker of the two ops does: information is gone for good, or only less plain, or there until an audit says
        otherwise."""
        ops = {self.frame_op, self.voice_op}
        if ops & {"raw_frame", "raw_voice", "features_only"}:
            return "raw"
        return "cosmetic" if ops & COSMETIC_OPS else "removing"

    @property
    def follows_heads(self) -> bool:
        """Whether the frame op itself needs to know where heads are."""
        return self.frame_op not in ("shrink_frame", "features_only", "raw_frame")

    @property
    def looks_for_heads(self) -> bool:
        """Whether the frame op needs a detector, so that a second one has something to check."""
        return self.frame_op in ("remove_heads", "replace_heads", "remove_people")

    @property
    def reads_expressions(self) -> bool:
        """Whether what single faces show is estimated."""
        return self.frame_op == "replace_heads" and self.expressions != "none"
