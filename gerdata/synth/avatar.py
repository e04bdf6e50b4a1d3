"""People that never lived, as sprites: the face of a dozen files.

A plan (`BankPlan`) says who there is; `build_bank` draws everybody once into a folder, `open_bank` reads it, and `bank.sprite`
gives premultiplied pixels and the exact places of 68 face points, 17 joints and two boxes. A single sprite without a bank:
`render(build_figure(load_mesh(), traits), stance, amounts, "bust", light)`.

In order of the work: `asset` (the CC0 mesh) → `mesh` → `traits` (who) → `figure` (geometry: `hair`, `cloth`, `eyewear`) →
`posture` and `expression` (how) → `raster` → `light` (`skin`, `texture`) → `sprite` (pixels and truth) → `repertoire` (which) →
`bank` (where it lies) → `mip` (smaller, mirrored). Everything follows from numbers drawn by `chance.rng_for`; no face of a real
person is in it. What is stylised: see docs/formats.md, Bank of avatars.
"""

from gerdata.synth.bank import Bank, build_bank, folder_of, open_bank
from gerdata.synth.expression import Expression, draw_expression
from gerdata.synth.figure import build_figure
from gerdata.synth.light import Light
from gerdata.synth.mesh import load_mesh
from gerdata.synth.mip import mirrored, shrunk
from gerdata.synth.posture import Stance
from gerdata.synth.repertoire import BankPlan, Shot
from gerdata.synth.sprite import Sprite, render
from gerdata.synth.traits import Traits, draw_traits

__all__ = [
    "Bank",
    "BankPlan",
    "Expression",
    "Light",
    "Shot",
    "Sprite",
    "Stance",
    "Traits",
    "build_bank",
    "build_figure",
    "draw_expression",
    "draw_traits",
    "folder_of",
    "load_mesh",
    "mirrored",
    "open_bank",
    "render",
    "shrunk",
]
