"""`python -m wame_box`: the command line, or the entry of a child process, which imports nothing that its work does not need."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs what the arguments say."""
    if len(sys.argv) == 3 and sys.argv[1] == "_worker":
        from wame_box.kernel import child

        sys.exit(child.main(sys.argv[2]))

    from wame_box.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
