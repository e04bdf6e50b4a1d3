"""Groups of people that never lived: a plan is drawn, then rendered as picture, sound and exact structure.

Everybody is drawn from numbers; no photograph or recording of anyone is used. `plan_scene` decides, `render_sample`
carries it out; frames and sound follow the same people's feelings, and the label follows from them by a stated rule.
"""

from gerdata.synth.render import render_frames, render_sample
from gerdata.synth.scene import ScenePlan, plan_scene

__all__ = ["ScenePlan", "plan_scene", "render_frames", "render_sample"]
