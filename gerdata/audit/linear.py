"""A linear attacker: standardised features, principal components, discriminant analysis with a shrunk covariance.

It learns from what it is given, so it finds what is linear in the data, however faint; what needs a deep network to be
seen it does not find. scikit-learn does the arithmetic (Ledoit and Wolf 2004 for the shrinkage).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.preprocessing import StandardScaler

from gerdata.chance import rng_for

Features = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

NAME = "linear (PCA, shrinkage LDA)"
MOST_COMPONENTS = 128
JITTER = 0.01  # standard deviations: where classes differ and nothing varies within them, there is no covariance to divide by


@dataclass(frozen=True)
class Linear:
    """A fitted attacker: `score(x)` are log probabilities `[N, C]` of `classes: [C]`."""

    scaler: StandardScaler
    components: PCA
    judge: LinearDiscriminantAnalysis

    @classmethod
    def fit(cls, x: Features, labels: Labels) -> "Linear":
        """`x: [N, D]`, `labels: [N]` of two classes or more."""
        scaler = StandardScaler().fit(x)
        flat = scaler.transform(x)
        flat = flat + rng_for(0, "audit", "jitter").normal(0, JITTER, flat.shape)
        n = max(1, min(MOST_COMPONENTS, x.shape[1], len(x) // 2))
        components = PCA(n, svd_solver="full", whiten=False).fit(flat)
        judge = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(components.transform(flat), labels)
        return cls(scaler, components, judge)

    @property
    def classes(self) -> Labels:
        return np.asarray(self.judge.classes_, np.int64)

    def embed(self, x: Features) -> Features:
        """`[N, K]`, without knowing any class."""
        return np.asarray(self.components.transform(self.scaler.transform(x)), np.float64)

    def score(self, x: Features) -> Features:
        return np.asarray(self.judge.predict_log_proba(self.embed(x)).clip(-700, 0), np.float64)

    def told(self, x: Features) -> Labels:
        """`[N]`: the most probable class of each."""
        return np.asarray(self.classes[self.score(x).argmax(axis=1)], np.int64)


def nearest(templates: Features, classes: Labels, x: Features) -> Labels:
    """`[N]`: the class whose template `[C, K]` points most like `x: [N, K]` (cosine)."""
    a = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)
    b = templates / np.maximum(np.linalg.norm(templates, axis=1, keepdims=True), 1e-9)
    return np.asarray(classes[(a @ b.T).argmax(axis=1)], np.int64)


def closest(templates: Features, classes: Labels, x: Features) -> Labels:
    """`[N]`: the class whose template `[C, K]` is least far from `x: [N, K]` (Euclidean)."""
    away = ((x[:, None] - templates[None]) ** 2).sum(axis=2)
    return np.asarray(classes[away.argmin(axis=1)], np.int64)
