"""`python -m tests.bench [NAME …]`: measures everything, or what is named, and prints it beside its budgets."""

from __future__ import annotations

import platform

import click

from tests.bench import accept, imports, latency, start, throughput

MEASURES = {
    "accept": accept.run,
    "throughput": throughput.run,
    "latency": latency.run,
    "start": start.run,
    "imports": imports.run,
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(MEASURES)))
def main(names: tuple[str, ...]) -> None:
    """Compare figures of one run with each other: absolute ones belong to this machine at this moment."""
    click.echo(f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in names or MEASURES:
        MEASURES[name]()


if __name__ == "__main__":
    main()
