"""`python -m feedmill`."""

from feedmill.cli import main

main()
