"""Untrusted media in, a verified, labelled, split manifest out. Copies no media: rows point into the private index."""
