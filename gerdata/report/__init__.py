"""One self-contained page about a workspace: counts, balance, pictures of what may be shown, training."""
