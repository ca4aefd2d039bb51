"""`python -m etl.cli` is `jichu`."""

from etl.cli import main

main()
