"""How work is done, whatever the work: parts, limits, crashes, resuming, two sums. Knows nothing of media."""
