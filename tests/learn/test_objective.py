import math

import pytest
import torch
from torch import Tensor

from gerdata.learn.batch import Batch, Item, collate
from gerdata.learn.objective import class_weights_of, group_loss
from gerdata.recipe import TrainRecipe

SOFT = ((0.7, 0.2, 0.1), None, (0.0, 0.5, 0.5), None)
LABELS = (0, 2, 1, 1)


def batch(soft: tuple[tuple[float, ...] | None, ...] = SOFT) -> Batch:
    video, audio = torch.zeros(1, 3, 4, 4, dtype=torch.uint8), torch.zeros(1, 1, 4, 4)
    return collate([Item(str(i), video, audio, LABELS[i], True, True, soft=soft[i]) for i in range(4)])


def logits() -> Tensor:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("loss", ["cross-entropy", "focal"])
@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_of_each_clip_is_that_of_plain_loops(loss: str, soft: bool, weighted: bool, smoothing: float) -> None:
    recipe = TrainRecipe(loss=loss, focal_gamma=1.5, soft_labels=soft, label_smoothing=smoothing)  # type: ignore[arg-type]
    weights = torch.tensor([0.5, 1.0, 2.0]) if weighted else None
    told = group_loss(logits(), batch(), recipe, weights)
    for i in range(4):
        shares = [math.exp(x) for x in logits()[i].tolist()]
        shares = [x / sum(shares) for x in shares]
        wanted = 0.0
        for c in range(3):
            target = SOFT[i][c] if soft and SOFT[i] else float(LABELS[i] == c)  # type: ignore[index]
            target = target * (1 - smoothing) + smoothing / 3
            focus = (1 - shares[c]) ** 1.5 if loss == "focal" else 1.0
            wanted -= (weights[c].item() if weights is not None else 1.0) * target * focus * math.log(shares[c])
        assert told[i].item() == pytest.approx(wanted, rel=1e-4)


def test_hard_labels_give_torchs_cross_entropy() -> None:
    told = group_loss(logits(), batch((None,) * 4), TrainRecipe(soft_labels=True), None)
    assert torch.allclose(told, torch.nn.functional.cross_entropy(logits(), torch.tensor(LABELS), reduction="none"))


def test_class_weights_make_classes_weigh_the_same_and_have_mean_one_over_clips() -> None:
    labels = [0] * 6 + [1] * 3 + [2] * 1
    weights = class_weights_of(labels, 4, TrainRecipe(class_weights="inverse"))
    assert weights is not None
    by_class = [weights[c].item() * labels.count(c) for c in range(3)]
    assert by_class == pytest.approx([10 / 3] * 3)
    assert weights[3].item() == 0  # no clip has it
    assert class_weights_of(labels, 4, TrainRecipe()) is None


def test_a_focal_loss_has_a_slope_where_a_model_is_sure() -> None:
    """(1 - p) ** gamma has none at p = 1 for gamma below 1."""
    sure = torch.tensor([[200.0, 0.0, 0.0]] * 4, requires_grad=True)
    group_loss(sure, batch((None,) * 4), TrainRecipe(loss="focal", focal_gamma=0.5), None).sum().backward()
    assert torch.isfinite(sure.grad).all()
