"""`python -m dutchbook` is the command line."""

from dutchbook.cli.main import main

main()
