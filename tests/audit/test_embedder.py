"""The face network: its arithmetic, its refusals, and that it tells real people apart."""

import re
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from gerdata.audit.embedder import FaceEmbedder, _unpacked
from gerdata.audit.learned import face_embedder
from gerdata.audit.sightings import mask_of, sighting
from gerdata.privacy.heads import head_finder


@pytest.fixture(scope="module")
def network() -> FaceEmbedder:
    found = face_embedder()
    if found is None:
        pytest.skip("run: gerdata models pull face-embedder face-embedder-manifest")
    return found


def test_weights_are_unpacked_by_their_manifest() -> None:
    packed = {"name": "a/conv/filters", "shape": [1, 1, 2, 3], "quantization": {"scale": 0.5, "min": -1.0}}
    plain = {"name": "b", "shape": [2]}
    data = bytes(range(6)) + np.array([1.5, -2.0], np.float32).tobytes()
    told = _unpacked(data, [{"weights": [packed, plain]}])
    assert told["a/conv/filters"].shape == (3, 2, 1, 1)
    assert told["a/conv/filters"][:, 0, 0, 0].tolist() == [-1.0, -0.5, 0.0]
    assert told["b"].tolist() == [1.5, -2.0]
    with pytest.raises(ValueError, match="expected 14 bytes"):
        _unpacked(data + b"x", [{"weights": [packed, plain]}])


def test_batches_and_pictures_alone_give_the_same_numbers(network: FaceEmbedder) -> None:
    crops = np.random.RandomState(0).randint(0, 256, (18, 150, 150, 3)).astype(np.uint8)
    told = network.embed(crops)
    assert told.shape == (18, 128)
    assert np.allclose(told[17:], network.embed(crops[17:]), atol=1e-5)
    assert network.embed(crops[:0]).shape == (0, 128)
    with pytest.raises(ValueError, match="expected"):
        network.embed(crops[:, :100])


@pytest.mark.real
@pytest.mark.slow
def test_pictures_of_one_person_lie_nearer_than_of_two(network: FaceEmbedder, real_data: Path) -> None:
    """Press photos, up to 8 of everyone who has two: the area under the curve of same against different pairs."""
    photos = defaultdict(list)
    for path in sorted((real_data / "faces").rglob("*.jpg")):
        picture = cv2.imread(str(path))
        if picture.shape[:2] == (350, 350):
            photos[re.sub(r"_\d+$", "", path.stem)].append(np.ascontiguousarray(picture[..., ::-1]))
    faces, who = [], []
    for name, own in photos.items():
        for frame in own[:8] if len(own) > 1 else []:
            heads = head_finder().find(frame)
            if len(heads):
                head = heads[np.prod(heads[:, 2:4] - heads[:, :2], axis=1).argmax(), :4]
                one = sighting(frame, frame, head, mask_of(head, 350, 350))
                assert one.faces is not None
                faces.append(one.faces[0])
                who.append(name)
    told = network.embed(np.stack(faces))
    first, second = np.triu_indices(len(who), 1)
    same = np.array([who[i] == who[j] for i, j in zip(first, second, strict=True)])
    away = np.linalg.norm(told[first] - told[second], axis=1)
    auc = roc_auc_score(same, -away)
    print(f"AUC {auc:.4f}, {same.sum()} same and {(~same).sum()} different pairs of {len(set(who))} people")
    assert len(set(who)) >= 50
    assert same.sum() >= 100
    assert auc > 0.95
