"""gridalert: the command line. Each command is imported when it is asked for."""

import importlib
import io
import sys

import click

COMMANDS = (
    "demo",
    "broker",
    "ingest",
    "worker",
    "check",
    "site",
    "replay",
    "evaluate",
    "explain",
    "review",
    "models",
)


class Lazy(click.Group):
    """Commands by name, imported only when used, so that --help answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None for a word that is none."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"pipeline.cli.{cmd_name}").command
        return command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gridalert")
def main() -> None:
    """Watch a city's cameras and sensors; tell the grid centre what needs a person."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Chinese on a terminal that has none: a ? is better than no answer.
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    main()
