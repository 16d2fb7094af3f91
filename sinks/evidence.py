"""Pictures kept under the hash of their content until they expire."""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_SHA256 = re.compile(r"[0-9a-f]{64}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EvidenceUnavailable(Exception):  # noqa: N818 -- what is wrong, not a Python error
    """The store cannot be read or written now (disk full, rights): try later, or stop."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a picture is: `uri` ends in sha256/<sha256>.jpg; `sha256` is 64 lower-case hex."""

    uri: str
    sha256: str


class FolderEvidence:
    """Pictures by content in a folder: `<folder>/sha256/<sha256>.jpg`, mode 640.

    A file's modification time IS its expiry: one fact, no index; so copy with `cp -p` or
    `rsync -t`. `uri` is `<base_uri>/sha256/<sha256>.jpg`. A lock file beside them orders writers
    on one machine; on a network folder it needs NFS 4 or the like. Nothing but expiry bounds the
    folder: pictures a day times days kept (1 600 a day of 200 kB for 30 days: 10 GB), and `sweep`
    must be called.

    Any number of processes and threads may call at once. Every method may block for some disk
    writes, its own and others', and raises EvidenceUnavailable, as making the folder does. Times
    are aware datetimes; a naive one raises ValueError. Text that is no SHA-256 names no picture.
    """

    def __init__(self, folder: Path, base_uri: str) -> None:
        self._folder = folder / "sha256"
        self._lock_file = folder / "lock"
        self._base_uri = base_uri.rstrip("/")
        with self._typed("made"):
            self._folder.mkdir(parents=True, exist_ok=True)

    def put(self, jpeg: bytes, expires_at: datetime) -> Stored:
        """Keep a picture until `expires_at` at least; durable when this returns.

        Called by ingest before the hit that refers to it is sent, again after a failure: the same
        bytes are one picture, and its life is the longest asked for.
        """
        sha256, expiry = hashlib.sha256(jpeg).hexdigest(), _ns(expires_at)
        with self._typed("written"), self._locked():
            self._replace(self._path(sha256), jpeg, expiry)
        return Stored(f"{self._base_uri}/sha256/{sha256}.jpg", sha256)

    def keep(self, sha256: str, expires_at: datetime) -> bool:
        """Lengthen the life of a picture, never shorten it; false when it is not there (any more).

        Called by the worker whenever an alert refers to it.
        """
        expiry = _ns(expires_at)
        if not _SHA256.fullmatch(sha256):
            return False
        path = self._path(sha256)
        with self._typed("written"), self._locked():
            before = _expiry(path)
            if before is not None and before < expiry:
                os.utime(path, ns=(expiry, expiry))
                _sync(path)
        return before is not None

    def get(self, sha256: str) -> bytes | None:
        """The picture; None when it is not there (any more)."""
        # The hash may come from a message: it must not name a file elsewhere.
        if not _SHA256.fullmatch(sha256):
            return None
        with self._typed("read"):
            try:
                return self._path(sha256).read_bytes()
            except FileNotFoundError:
                return None

    def sweep(self, now: datetime) -> int:
        """Delete what expires at `now` or before, and return how many pictures that were.

        Also deletes what a writer left half written when it died. Called now and then by any
        process. A picture that `keep` said true for stays.
        """
        limit, deleted = _ns(now), 0
        with self._typed("swept"):
            for path in list(self._folder.iterdir()):
                # Locked one by one: others wait for one deletion, not for all.
                with self._locked():
                    deleted += self._delete(path, limit)
        return deleted

    def _delete(self, path: Path, limit: int) -> bool:
        """Under the lock: delete `path` if it is done with; whether it was a picture."""
        if path.suffix == ".part":
            # Writers hold the lock as long as they have one, so its writer is dead.
            path.unlink(missing_ok=True)
            return False
        expiry = _expiry(path)
        if path.suffix != ".jpg" or expiry is None or expiry > limit:
            return False
        path.unlink()
        return True

    def _replace(self, path: Path, jpeg: bytes, expiry: int) -> None:
        """Under the lock: whole or not at all, also when the power goes; heals a damaged file."""
        expiry = max(expiry, _expiry(path) or 0)
        part = path.with_suffix(".part")
        try:
            with open(part, "wb", opener=_private) as file:
                file.write(jpeg)
                file.flush()
                os.utime(part, ns=(expiry, expiry))
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        _sync(self._folder)

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.jpg"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # A descriptor each time, so that threads exclude each other too; the kernel lets go of the
        # lock of a process that dies.
        with open(self._lock_file, "ab", opener=_private) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _typed(self, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise EvidenceUnavailable(
                f"evidence in {self._folder} cannot be {done}: {error.strerror or error}"
            ) from error


def _ns(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def _expiry(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _private(path: str, flags: int) -> int:
    # The group may read: it is the web server's that hands pictures to officers.
    return os.open(path, flags, 0o640)


def _sync(path: Path) -> None:
    """Make a file's times, or a folder's entries, survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
