"""Locks the requirements: exact versions with hashes, no address of a registry. `make lock` runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet", "--no-config", "--upgrade", "--universal"]
OPTIONS = ["--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links"]
PLAIN = ["--no-header", "--no-annotate"]
FILES = {"requirements.txt": ["build"], "requirements-dev.txt": ["dev", "lock"]}


def main() -> None:
    for name, groups in FILES.items():
        chosen = [word for group in groups for word in ("--group", group)]
        subprocess.run([*UV, *OPTIONS, *PLAIN, "pyproject.toml", *chosen, "--output-file", name], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
