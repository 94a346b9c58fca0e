"""``python -m oomparse``: the command line."""

from oomparse.cli import main

if __name__ == "__main__":  # Worker processes import this module again
    main()
