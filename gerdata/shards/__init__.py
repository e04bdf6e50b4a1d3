"""Releases: finished samples chosen, mixed, ordered, re-named and written as shards that any tool can load."""
