"""Versions of a site, kept so that what was decided by one can be decided by it again.

versions/<policy version>.tar.gz: the site's files; cameras' pictures are not among them
"""

import os
import re
import tarfile
import zlib
from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.incidents.decision import Step
from pipeline.incidents.policy import Policy
from pipeline.incidents.state import Policies
from pipeline.messages import PolicyChange, Reason, decode_log_record
from pipeline.site.load import check_site
from pipeline.site.model import Site

KEPT = 50
_SUFFIXES = {".toml", ".csv", ".geojsonl", ".ndjson"}
_VERSION = re.compile("[0-9a-f]{16}")  # a version comes off the log and becomes a file's name


class VersionNotKept(Exception):  # noqa: N818 -- what is wrong, not a Python error
    """A site's version could not be kept: what was decided by it could not be decided again."""


def site_files(folder: Path) -> list[Path]:
    """Every file that a site in `folder` may be made of, sorted; none where there is no folder."""
    found = [*folder.glob("*"), *folder.glob("cameras/*")]
    return sorted(path for path in found if path.suffix in _SUFFIXES and path.is_file())


def keep_version(site: Site, folder: Path) -> None:
    """Keep the files of `site` in `folder`; of more than KEPT versions the newest stay.

    Raises VersionNotKept where they can't be written, or changed since the site was loaded.
    """
    path = folder / f"{site.policy.version}.tar.gz"
    try:
        if not path.exists():  # what is there is whole
            folder.mkdir(parents=True, exist_ok=True)
            _write(site, path)
        os.utime(path)  # the newest
        for old in sorted(folder.glob("*.tar.gz"), key=_age)[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise VersionNotKept(
            f"versions: {folder}: {error.strerror}. Make it writable, or set another "
            "[worker] versions_folder in gridalert.toml"
        ) from error


def load_version(folder: Path, version: str) -> Policy | None:
    """The policy of that version; None where it was not kept, or can't be used."""
    return (
        _policy_in(folder / f"{version}.tar.gz", version) if _VERSION.fullmatch(version) else None
    )


def _write(site: Site, path: Path) -> None:
    """Whole or not at all, and never what can't be loaded."""
    part = path.with_suffix(f".{os.getpid()}")
    try:
        with tarfile.open(part, "w:gz", compresslevel=1) as archive:
            for file in site_files(site.folder):
                archive.add(file.resolve(), str(file.relative_to(site.folder)), recursive=False)
        if _policy_in(part, site.policy.version) is None:
            raise VersionNotKept(f"{site.folder} changed while it was read: try again")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _policy_in(path: Path, version: str) -> Policy | None:
    with TemporaryDirectory() as folder:
        try:
            with tarfile.open(path) as archive:
                archive.extractall(folder, filter="data")
        except (OSError, EOFError, tarfile.TarError, zlib.error):
            return None
        # Cameras' pictures and the object model were left where they are.
        site, _ = check_site(Path(folder), apart_from=("R013", "F011", "F012"))
    return site.policy if site is not None and site.policy.version == version else None


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another worker dropped it
        return 0.0


class Shelf:
    """The policies that decide: the current one, and those that partitions are still decided by."""

    def __init__(self, current: Policy, folder: Path | None) -> None:
        """`folder`: where versions are kept; None: there are none."""
        self._folder = folder
        self._missing: set[str] = set()
        self.policies = Policies(current, {current.version: current})

    def is_at_hand(self, version: str) -> bool:
        """Whether nothing is to be fetched: it is known, or was looked for in vain."""
        return not version or version in self.policies.known or version in self._missing

    def fetch(self, version: str) -> bool:
        """Take a version from where it was kept; whether it was there. Takes a second."""
        policy = load_version(self._folder, version) if self._folder else None
        if policy is None:
            self._missing.add(version)
            return False
        self.policies = Policies(self.policies.current, {**self.policies.known, version: policy})
        return True

    def change(self, current: Policy, in_use: Collection[str]) -> None:
        """From now on `current` is; of the others those `in_use` stay at hand."""
        known = {v: policy for v, policy in self.policies.known.items() if v in in_use}
        self.policies = Policies(current, {**known, current.version: current})
        self._missing.clear()


def changes_to(done: Step, value: bytes | None) -> str | None:
    """The version of a change of policy that was refused because nobody here knows it."""
    if done.decision is None or done.decision.reason is not Reason.UNKNOWN_POLICY:
        return None
    record = decode_log_record(value or b"")
    return record.version if isinstance(record, PolicyChange) else None
