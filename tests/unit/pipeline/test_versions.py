"""Versions of a site: kept whole, loaded as they were, never mistaken for another."""

import os
import shutil
from pathlib import Path

import pytest

from pipeline.site.load import load_site
from pipeline.site.model import Site
from pipeline.site.versions import (
    KEPT,
    Shelf,
    VersionNotKept,
    keep_version,
    load_version,
    site_files,
)

DEMO = Path(__file__).parents[3] / "deploy" / "demo"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """The demo's site, without its film from here on."""
    folder = shutil.copytree(DEMO, tmp_path / "site")
    loaded = load_site(folder)
    (folder / "campus.mp4").unlink()
    return loaded


def changed(site: Site) -> Site:
    """The site after another officer took over."""
    (site.folder / "campus.mp4").touch()
    officers = site.folder / "officers.csv"
    officers.write_text(officers.read_text("utf-8").replace("term-08", "term-80"), "utf-8")
    return load_site(site.folder)


def test_a_version_comes_back_as_it_was_without_the_cameras_films(
    site: Site, tmp_path: Path
) -> None:
    keep_version(site, tmp_path / "versions")
    shutil.rmtree(site.folder)
    assert load_version(tmp_path / "versions", site.policy.version) == site.policy
    (kept,) = (tmp_path / "versions").iterdir()
    assert kept.stat().st_size < 20_000


def test_each_version_is_its_own(site: Site, tmp_path: Path) -> None:
    keep_version(site, tmp_path)
    other = changed(site)
    keep_version(other, tmp_path)
    assert load_version(tmp_path, site.policy.version) == site.policy
    assert load_version(tmp_path, other.policy.version) == other.policy
    assert site.policy != other.policy


def test_what_changed_since_it_was_loaded_is_not_kept_under_its_name(
    site: Site, tmp_path: Path
) -> None:
    changed(site)
    with pytest.raises(VersionNotKept, match="changed while it was read"):
        keep_version(site, tmp_path)
    assert list(tmp_path.glob("*.tar.gz")) == []


@pytest.mark.parametrize(
    "version",
    [
        pytest.param("0123456789abcdef", id="one that was never kept"),
        pytest.param("", id="none"),
        pytest.param("../../../etc/passwd", id="a way out of the folder"),
        pytest.param("0123456789ABCDEF\x00", id="no version at all"),
    ],
)
def test_a_version_that_is_not_there_is_none(version: str, tmp_path: Path) -> None:
    assert load_version(tmp_path, version) is None


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:200]), id="cut off"),
        pytest.param(lambda path: path.write_bytes(b"no archive"), id="something else"),
        pytest.param(lambda path: path.replace(path.with_name("0" * 16 + ".tar.gz")), id="renamed"),
    ],
)
def test_an_archive_that_is_spoilt_is_not_used(spoil, site: Site, tmp_path: Path) -> None:
    keep_version(site, tmp_path / "versions")
    spoil(tmp_path / "versions" / f"{site.policy.version}.tar.gz")
    assert load_version(tmp_path / "versions", site.policy.version) is None
    assert load_version(tmp_path / "versions", "0" * 16) is None


def test_of_many_versions_the_newest_stay(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "versions"
    folder.mkdir()
    for n in range(KEPT + 5):
        path = folder / f"{n:016x}.tar.gz"
        path.touch()
        os.utime(path, (n, n))
    keep_version(site, folder)
    names = {path.name.removesuffix(".tar.gz") for path in folder.iterdir()}
    assert names == {site.policy.version, *(f"{n:016x}" for n in range(6, KEPT + 5))}


def test_a_folder_that_cannot_be_written_is_named(site: Site, tmp_path: Path) -> None:
    (tmp_path / "versions").write_text("a file")
    with pytest.raises(VersionNotKept, match=r"versions: .*versions_folder in gridalert\.toml"):
        keep_version(site, tmp_path / "versions")


def test_everything_a_policy_is_made_of_is_a_file_of_the_site() -> None:
    names = {str(path.relative_to(DEMO)) for path in site_files(DEMO)}
    assert "cameras/510117001.toml" in names
    assert not {"campus.mp4", "readings.jsonl", "README.md"} & names


def test_a_shelf_fetches_each_version_once_and_keeps_those_in_use(
    site: Site, tmp_path: Path
) -> None:
    first, version = site.policy, site.policy.version
    keep_version(site, tmp_path / "versions")
    other = changed(site).policy
    shelf = Shelf(other, tmp_path / "versions")
    assert not shelf.is_at_hand(version)
    assert shelf.fetch(version)
    assert shelf.policies.in_force(version) == first
    assert not shelf.fetch("f" * 16)
    assert shelf.is_at_hand("f" * 16)  # looked for in vain
    assert shelf.policies.in_force("f" * 16) == other
    shelf.change(first, in_use=[other.version])
    assert set(shelf.policies.known) == {first.version, other.version}
    shelf.change(other, in_use=[])
    assert set(shelf.policies.known) == {other.version}
    assert not shelf.is_at_hand("f" * 16)  # it may have been kept by now
