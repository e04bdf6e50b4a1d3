"""`python -m gerdata.cli` is `gerdata`."""

from gerdata.cli import main

main()
