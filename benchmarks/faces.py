"""Who is in the picture? Every recipe's picture against all attackers, on procedural people, in one run.

    python benchmarks/faces.py [--people 32] [--each 30] [--recipe NAME]

Each person has features, tones and clothes of their own and is drawn anew, lit and placed by lot, in every picture: a
close one, the head a quarter of the frame's height. Boxes are known, so this measures the ops and not the detectors.
Pictures go through the recipe's op, to the stored size and through JPEG, as in `protect`. Chance is one over the people.
Where the face network was pulled its figures for the inside come in a second line; it never saw drawn people.
"""

import argparse
import tomllib
from pathlib import Path

import cv2
import numpy as np

from gerdata.audit.identify import MARK_LEARNED, Views, identify, mark_of
from gerdata.audit.learned import face_embedder, name_of
from gerdata.audit.sightings import INSIDE_PX, marked, sighting
from gerdata.chance import rng_for
from gerdata.clip import Frames
from gerdata.media.images import decode_jpeg, encode_jpeg
from gerdata.people.tracks import Tracks
from gerdata.privacy.heads import grown
from gerdata.privacy.ops import FrameOp, frame_op_of
from gerdata.recipe import ProtectRecipe

PX = 224
HEAD = np.array([88.0, 60.0, 136.0, 116.0], np.float32)
RECIPES = Path(__file__).parent.parent / "recipes" / "protect"
COLUMNS = ("clear", "watermark", "naive", "lazy", "retrained", "fused")


def person(who: int, number: int) -> tuple[Frames, np.ndarray]:
    """A picture of somebody `uint8 [224, 224, 3]`, and where the person is `bool [224, 224]`."""
    own, rng = rng_for(0, "face", who), rng_for(0, "picture", who, number)
    frame = np.full((PX, PX, 3), rng.integers(40, 200, 3), np.uint8)
    shape = np.zeros((PX, PX), np.uint8)
    centre = np.array([112, 88]) + rng.integers(-2, 3, 2)

    def put(where: tuple[float, float], axes: tuple[int, int], tone: list[int]) -> None:
        at = tuple(map(int, centre + where))
        cv2.ellipse(frame, at, axes, 0, 0, 360, tone, -1)
        cv2.ellipse(shape, at, axes, 0, 0, 360, 1, -1)

    put((0, 90), (int(own.integers(44, 58)), 60), own.integers(20, 230, 3).tolist())
    put((0, -6), (int(own.integers(26, 31)), int(own.integers(30, 36))), own.integers(10, 120, 3).tolist())
    put((0, 0), (int(own.integers(20, 25)), 28), own.integers(90, 220, 3).tolist())
    for side in (-1, 1):
        tone = own.integers(0, 90, 3).tolist()
        put((side * int(own.integers(7, 12)), int(own.integers(-12, -4))), (int(own.integers(2, 5)), 3), tone)
    put((0, int(own.integers(14, 20))), (int(own.integers(5, 12)), 3), [60, 40, 120])
    lit = frame * rng.uniform(0.85, 1.15) + rng.normal(0, 6, frame.shape)
    return lit.clip(0, 255).astype(np.uint8), shape.astype(bool)


def views(op: FrameOp, people: int, each: int) -> tuple[dict[str, Views], Views | None]:
    """Clear and released pictures by region; the inside as the face network tells it."""
    mask = grown(HEAD[None], PX, PX)[0].astype(np.float32)
    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {"inside": [], "context": [], "whole": []}
    network, told = face_embedder(), []
    for who in range(people):
        for number in range(each):
            clear, shape = person(who, number)
            tracks = Tracks(HEAD[None, None], np.ones(1, np.bool_), {0: shape})
            stored = decode_jpeg(encode_jpeg(op.render(clear, tracks, 0), 92))
            one = sighting(clear, stored, HEAD, mask)
            assert one.inside is not None
            assert one.faces is not None
            if network is not None:
                clear_face, face = (picture[None] for picture in one.faces)
                seen = (clear_face, face, marked(face, mark_of(0, str(who), 3 * INSIDE_PX**2)))
                told.append([network.embed(picture)[0] for picture in seen])
            parts["inside"].append(one.inside)
            parts["context"].append(one.context)
            parts["whole"].append(one.whole)
    clips = np.arange(people * each)
    learned = None
    if told:
        clear_told, released_told, marked_told = (np.stack(own) for own in zip(*told, strict=True))
        learned = Views(clear_told, released_told, clips // each, clips, marked_told)
    return {
        name: Views(np.stack([a for a, _ in seen]), np.stack([b for _, b in seen]), clips // each, clips)
        for name, seen in parts.items()
    }, learned


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=32)
    parser.add_argument("--each", type=int, default=30)
    parser.add_argument("--recipe", help="this one alone")
    arguments = parser.parse_args()
    print(f"{arguments.people} people, {arguments.each} pictures each, chance {1 / arguments.people:.3f}\n")
    print("| recipe | picture | where | " + " | ".join(COLUMNS) + " | verdict |")
    print("|---" * (len(COLUMNS) + 4) + "|")
    done: dict[str, str] = {}
    for path in sorted(RECIPES.glob(f"{arguments.recipe or '*'}.toml")):
        recipe = ProtectRecipe.model_validate(tomllib.loads(path.read_text()))
        if recipe.frame_op in done:
            print(f"| `{path.stem}` | {recipe.frame_op} | as `{done[recipe.frame_op]}` |" + " |" * (len(COLUMNS) + 1))
            continue
        done[recipe.frame_op] = path.stem
        regions, learned = views(frame_op_of(recipe), arguments.people, arguments.each)
        for where, seen in regions.items():
            is_inside = where == "inside"
            verdict = identify(where, seen, 0, is_inside, learned if is_inside else None, name_of())
            figures = {one.name: one for one in verdict.figures}
            for kind, name in (("", where), (MARK_LEARNED, "inside, face network")):
                if f"{kind}clear" in figures:
                    own = [figures[f"{kind}{column}"] for column in COLUMNS]
                    cells = [f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]" for one in own]
                    print(
                        f"| `{path.stem}` | {recipe.frame_op} | {name} | "
                        + " | ".join(cells)
                        + f" | {verdict.status} |"
                    )


if __name__ == "__main__":
    main()
