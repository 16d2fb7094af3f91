"""`gridalert site`: help with a site's files."""

from pathlib import Path

import click

from pipeline.cli.shared import SITE, load_or_exit, write
from pipeline.drawing import NoPicture, page, picture_in, picture_of
from pipeline.site.cameras import NO_ZONE
from pipeline.site.problems import did_you_mean

_FILE = click.Path(path_type=Path, dir_okay=False)
_EPILOG = """\b
Examples:
  gridalert site draw cam-510117-000007 --site deploy/demo
  gridalert site draw cam-east-gate --site /etc/gridalert --picture snapshot.jpg --out gate.html
"""


@click.group("site", epilog=_EPILOG)
def command() -> None:
    """Help with a site's files."""


@command.command("draw", epilog=_EPILOG)
@click.argument("camera")
@SITE
@click.option(
    "--out", type=_FILE, default="zones.html", show_default=True, help="The page to write."
)
@click.option("--picture", type=_FILE, help="To draw on, in place of one of the camera's source.")
def draw(camera: str, site: Path, out: Path, picture: Path | None) -> None:
    """Write one page on which the zones of CAMERA are drawn, and copied as TOML.

    Open it in any browser; it needs no network. It holds the camera's picture, with what its
    privacy masks hide made grey, and the names of the site's places: keep it as you keep those.
    """
    loaded = load_or_exit(site, apart_from=(NO_ZONE,))
    cameras = {known.id: known for known in loaded.cameras}
    if camera not in cameras:
        hint = did_you_mean(camera, cameras).en
        raise click.ClickException(f'{site} has no camera "{camera}"; {hint}')
    watched = cameras[camera]
    try:
        frame = picture_in(picture, watched) if picture else picture_of(watched)
    except NoPicture as error:
        raise click.ClickException(f'camera "{camera}": no picture to draw on: {error}') from error
    write(out, page(loaded, watched, frame).encode())
    click.echo(f"{out}: {watched.name}. Open it in a browser.")
