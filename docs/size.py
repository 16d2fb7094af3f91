"""What `make size` prints: how large the product is, against what DESIGN.md aims at."""

import importlib
import sys
import tomllib
from pathlib import Path

import click

from pipeline.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
PACKAGES = ("detectors", "pipeline", "sinks")
LONGEST = 5


def lines_of(path: Path) -> int:
    """Lines that are not blank; comments and docstrings count."""
    return sum(bool(line.strip()) for line in path.read_text("utf-8").splitlines())


def lines_by_module(folder: str) -> dict[str, int]:
    """Non-blank lines of each Python file below a folder of the checkout, by its path."""
    return {
        path.relative_to(ROOT).as_posix(): lines_of(path)
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


def of_models() -> dict[str, int]:
    """The modules of models/ that the commands import; what only makes a network is no product."""
    for name in COMMANDS:
        importlib.import_module(f"pipeline.cli.{name}")
    used = {name for name in sys.modules if name.split(".")[0] == "models"}
    modules = lines_by_module("models").items()
    return {path: n for path, n in modules if path[:-3].replace("/", ".") in used}


def direct_dependencies() -> list[str]:
    """The names in pyproject.toml: those always needed, and onnxruntime, one of two extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["cpu"]
    return sorted(line.split(">")[0].split("=")[0].strip() for line in wanted)


def main() -> None:
    """Print it."""
    product: dict[str, int] = {}
    for package in (*PACKAGES, "models"):
        modules = of_models() if package == "models" else lines_by_module(package)
        product |= modules
        click.echo(f"{package:12} {sum(modules.values()):6} lines in {len(modules)} modules")
    click.echo(f"{'product':12} {sum(product.values()):6} lines (aim: 8000)")
    tests = lines_by_module("tests")
    click.echo(f"{'tests':12} {sum(tests.values()):6} lines in {len(tests)} modules")
    click.echo("longest modules (aim: under 300)")
    for name in sorted(product, key=lambda name: -product[name])[:LONGEST]:
        click.echo(f"{product[name]:19} {name}")
    names = direct_dependencies()
    click.echo(f"{len(names)} direct dependencies (aim: 12): {', '.join(names)}")
    click.echo(f"{len(COMMANDS)} commands (aim: 12): {', '.join(COMMANDS)}")


if __name__ == "__main__":
    main()
