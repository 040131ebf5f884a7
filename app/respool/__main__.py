"""``python -m respool``."""

from respool.cli import main

if __name__ == "__main__":
    main()
