"""The only randomness in gerdata.

Every draw comes from a generator named after what it decides: `rng_for(seed, "split", group)`.
The same name and seed give the same stream on any machine, in any order, for any number of workers.
"""

import hashlib
import json

import numpy as np


def digest_of(seed: int, *names: str | int) -> bytes:
    """32 bytes that depend on the seed and on every name and its type, and on nothing else."""
    told = json.dumps([seed, *names], separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(told.encode("ascii")).digest()


def rng_for(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator (PCG64) for one named decision.

    Names are strings or integers; `("a", "b")` and `("ab",)` are different streams, and so are `1` and `"1"`.
    """
    entropy = int.from_bytes(digest_of(seed, *names), "big")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))
