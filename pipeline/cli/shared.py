"""What several commands share: site, model, Kafka, and how results leave."""

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import click
import msgspec

from pipeline.connection import Connection
from pipeline.site.load import load_site
from pipeline.site.model import Site
from pipeline.site.problems import SiteError

MODEL_FOLDER = Path(__file__).parents[2] / "models" / "objects"
SITE = click.option(
    "--site",
    default="deploy/demo",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The folder that says what is watched.",
)
LANG = click.option(
    "--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language."
)
JSON = click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the answer as JSON to this file.",
)


def load_or_exit(folder: Path, *, apart_from: Collection[str] = ()) -> Site:
    """The site, or every one of its errors and exit code 1: a wrong one never starts.

    `apart_from`: codes of problems that do not matter here.
    """
    try:
        return load_site(folder, apart_from=apart_from)
    except SiteError as error:
        lines = "\n".join(
            problem.line_of_text("en") for problem in error.problems if problem.severity == "error"
        )
        raise click.ClickException(f"{folder} is not right:\n{lines}") from error


def model_folder(site: Site) -> Path:
    """Of the object model that the site's ingest runs."""
    own = site.settings.ingest.model
    return site.folder / own if own else MODEL_FOLDER


def write_json(path: Path, result: dict[str, Any]) -> None:
    """A command's result for machines."""
    write(path, (json.dumps(result, ensure_ascii=False, indent=2) + "\n").encode())


def write(path: Path, content: bytes) -> None:
    """A file that was asked for; exit code 1 where it can't be written."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from error


def connection_of(site: Site) -> Connection:
    """How the site's Kafka is reached; the password comes from the environment, never a file."""
    kafka = site.settings.kafka
    password = os.environ.get(kafka.sasl_password_env) if kafka.sasl_mechanism else None
    if kafka.security_protocol.startswith("SASL_") and not password:
        raise click.ClickException(
            f"{site.folder}/gridalert.toml: [kafka] {kafka.security_protocol} needs a password: "
            f"put it into the environment variable {kafka.sasl_password_env}"
        )
    settings = msgspec.structs.asdict(kafka)
    del settings["sasl_password_env"]
    try:
        return Connection(**settings, sasl_password=password)
    except ValueError as error:
        raise click.ClickException(f"{site.folder}/gridalert.toml: [kafka] {error}") from error
