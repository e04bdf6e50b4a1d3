"""How bytes lie on disk: commits that are whole or absent, tars with stable bytes, samples as members, datasets.

Knows nothing of media stages; everything that writes a dataset goes through here.
"""
