"""How training samples are varied: which changes, to how many, and how far. What `AugmentRecipe` is made of."""

from pydantic import BaseModel, Field, model_validator

from gerdata.recipe.form import Share


class Variation(BaseModel):
    """All shares are 0 by default: nothing is done.

    An op's share is how many samples it is done to, each decided by itself; `max_...` and `min_...` bound what is drawn.
    """

    flip_share: Share = 0.0  # mirrored left to right
    crop_share: Share = 0.0
    min_crop_area: float = Field(0.6, ge=0.1, le=1)  # of the frame's
    max_crop_stretch: float = Field(1.15, ge=1, le=2)  # of width against height
    affine_share: Share = 0.0
    max_rotate_deg: float = Field(8.0, ge=0, le=45)
    max_scale: float = Field(1.1, ge=1, le=2)  # enlarged or made smaller by up to this factor
    max_shift: float = Field(0.05, ge=0, le=0.5)  # of a side
    max_shear_deg: float = Field(3.0, ge=0, le=30)
    perspective_share: Share = 0.0
    max_perspective: float = Field(0.06, ge=0, le=0.2)  # corners moved, of a side
    light_share: Share = 0.0
    max_brightness: float = Field(0.15, ge=0, le=1)  # of white, added or taken
    max_contrast: float = Field(0.25, ge=0, le=3)  # times 1.25 to 1 / 1.25
    colour_share: Share = 0.0
    max_hue_deg: float = Field(10.0, ge=0, le=180)
    max_saturation: float = Field(0.15, ge=0, le=1)
    gamma_share: Share = 0.0
    max_gamma: float = Field(1.25, ge=1, le=4)
    holes_share: Share = 0.0
    max_holes: int = Field(3, ge=1, le=64)
    max_hole_side: float = Field(0.2, ge=0.02, le=1)  # of a side of the frame
    blur_share: Share = 0.0
    max_blur_px: float = Field(1.0, ge=0.1, le=20)  # sigma, in pixels that the model sees
    grain_share: Share = 0.0
    max_grain: float = Field(0.05, ge=0, le=1)  # standard deviation, of white
    jpeg_share: Share = 0.0
    min_jpeg_quality: int = Field(40, ge=1, le=100)
    stretch_share: Share = 0.0
    max_stretch: float = Field(1.1, ge=1, le=2)  # faster or slower by up to this factor; frames do not follow
    shift_share: Share = 0.0
    max_shift_s: float = Field(0.25, ge=0, le=10)  # frames do not follow
    pitch_share: Share = 0.0
    max_semitones: float = Field(2.0, ge=0, le=12)
    low_pass_share: Share = 0.0
    min_low_pass_hz: float = Field(2500.0, ge=200, le=7500)
    high_pass_share: Share = 0.0
    max_high_pass_hz: float = Field(300.0, ge=20, le=4000)
    peak_share: Share = 0.0
    max_peak_db: float = Field(9.0, ge=0, le=24)
    room_share: Share = 0.0
    min_absorption: float = Field(0.3, ge=0.2, le=0.9)  # of a wall; less is a longer echo
    hiss_share: Share = 0.0
    min_snr_db: float = Field(10.0, ge=-20, le=100)
    max_snr_db: float = Field(40.0, ge=-20, le=100)
    clipping_share: Share = 0.0
    max_clipped_percent: int = Field(6, ge=2, le=40, multiple_of=2)
    gain_share: Share = 0.0
    max_gain_db: float = Field(6.0, ge=0, le=40)  # louder or softer
    time_masks: int = Field(0, ge=0, le=16)
    max_time_mask: Share = 0.2  # of the clip's columns
    band_masks: int = Field(0, ge=0, le=16)
    max_band_mask: Share = 0.2  # of the mel bands

    @model_validator(mode="after")
    def _snr(self) -> "Variation":
        if self.min_snr_db > self.max_snr_db:
            raise ValueError("min_snr_db is over max_snr_db")
        return self
