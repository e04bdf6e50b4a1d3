"""How a release becomes a run: a small, whole trainer that fits in one reading.

`data` reads a split, `features` makes log-mel segments, `cross_attention` is the network, `train` the loop, `run` what
is kept on disk, `metrics` and `evaluate` the figures. Nothing here decodes files itself or knows of the command line.
"""
