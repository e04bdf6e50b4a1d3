"""Augmentation for training, behind one seeded, replayable face: `draw_plan` decides, `render` carries it out.

A plan is plain JSON data, drawn from (seed, names) alone; `render(sample, plan)` is pure: the same bytes in any process, any
order, any number of times, and no generator but the plan's own is touched. Augmentation adds variety; it protects
nobody. No op of this room can be named in a protect recipe.
"""

from gerdata.augment.draw import draw_drop, draw_plan
from gerdata.augment.plan import AUGMENT_OPS, AugmentPlan, render

__all__ = ["AUGMENT_OPS", "AugmentPlan", "draw_drop", "draw_plan", "render"]
