"""`python -m betreiber.cli`: how a process of ours starts another."""

from betreiber.cli import main

main()
