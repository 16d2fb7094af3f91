import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sinks.evidence import EvidenceUnavailable, FolderEvidence

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PICTURE = b"\xff\xd8 a picture \xff\xd9"
NAME = hashlib.sha256(PICTURE).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> FolderEvidence:
    return FolderEvidence(tmp_path / "new" / "evidence", "file:evidence/")


def _folder(store: FolderEvidence) -> Path:
    return store._folder


def test_a_picture_is_found_under_its_hash(store: FolderEvidence) -> None:
    stored = store.put(PICTURE, NOW + DAY)
    assert (stored.sha256, stored.uri) == (NAME, f"file:evidence/sha256/{NAME}.jpg")
    assert store.get(NAME) == PICTURE
    path = _folder(store) / f"{NAME}.jpg"
    assert path.stat().st_mtime == (NOW + DAY).timestamp()
    assert path.stat().st_mode & 0o007 == 0


def test_putting_again_is_one_picture_with_the_longer_life(store: FolderEvidence) -> None:
    assert store.put(PICTURE, NOW + 2 * DAY) == store.put(PICTURE, NOW + DAY)
    assert [path.name for path in _folder(store).iterdir()] == [f"{NAME}.jpg"]
    assert store.sweep(NOW + DAY) == 0
    assert store.sweep(NOW + 2 * DAY) == 1


def test_putting_again_heals_a_damaged_file(store: FolderEvidence) -> None:
    store.put(PICTURE, NOW + DAY)
    (_folder(store) / f"{NAME}.jpg").write_bytes(b"")
    store.put(PICTURE, NOW + DAY)
    assert store.get(NAME) == PICTURE


def test_keep_lengthens_and_never_shortens(store: FolderEvidence) -> None:
    store.put(PICTURE, NOW + DAY)
    assert store.keep(NAME, NOW + 30 * DAY)
    assert store.keep(NAME, NOW + DAY)
    assert store.sweep(NOW + 29 * DAY) == 0
    assert store.get(NAME) == PICTURE


def test_what_expired_is_gone_and_keep_says_so(store: FolderEvidence) -> None:
    store.put(PICTURE, NOW)
    assert store.sweep(NOW - timedelta(milliseconds=1)) == 0
    assert store.sweep(NOW) == 1
    assert store.get(NAME) is None
    assert not store.keep(NAME, NOW + DAY)


@pytest.mark.parametrize("name", ["", "../lock", "../../secret", NAME.upper(), NAME + "\n"])
def test_text_that_is_no_hash_names_no_picture(store: FolderEvidence, name: str) -> None:
    store.put(PICTURE, NOW + DAY)
    assert store.get(name) is None
    assert not store.keep(name, NOW + DAY)


def test_leftovers_of_a_dead_writer_are_swept_and_other_files_left_alone(
    store: FolderEvidence,
) -> None:
    leftover, foreign = _folder(store) / f"{NAME}.part", _folder(store) / "README.txt"
    leftover.write_bytes(b"\xff\xd8 half")
    foreign.write_text("ours")
    os.utime(foreign, (0, 0))
    assert store.sweep(NOW - 9999 * DAY) == 0
    assert not leftover.exists()
    assert foreign.exists()


def test_a_full_disk_is_unavailable_and_leaves_the_old_picture(
    store: FolderEvidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(PICTURE, NOW + DAY)

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(EvidenceUnavailable, match="cannot be written: No space left"):
            store.put(b"another", NOW + DAY)
        with pytest.raises(EvidenceUnavailable):
            store.put(PICTURE, NOW + DAY)
    assert [path.name for path in _folder(store).iterdir()] == [f"{NAME}.jpg"]
    assert store.get(NAME) == PICTURE


def test_a_folder_that_cannot_be_made_says_which(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EvidenceUnavailable, match="file/sha256 cannot be made"):
        FolderEvidence(tmp_path / "file", "file:x")


def test_a_time_without_zone_is_a_mistake(store: FolderEvidence) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        store.put(PICTURE, NOW.replace(tzinfo=None))


def test_a_sweep_that_already_chose_a_picture_spares_it_once_kept(
    store: FolderEvidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(PICTURE, NOW)
    locked = FolderEvidence._locked
    kept: list[bool] = []

    @contextmanager
    def late(self: FolderEvidence) -> Iterator[None]:
        if not kept:
            kept.append(True)
            assert store.keep(NAME, NOW + DAY)
        with locked(self):
            yield

    with monkeypatch.context() as racing:
        racing.setattr(FolderEvidence, "_locked", late)
        assert store.sweep(NOW) == 0
    assert store.get(NAME) == PICTURE


def _put_keep_sweep(folder: Path, turn: int) -> list[str]:
    """One process among several; returns kept pictures that are not there afterwards."""
    store, lost = FolderEvidence(folder, "file:x"), []
    for n in range(20):
        jpeg = b"%d" % (n % 5)
        sha256 = store.put(jpeg, NOW).sha256
        if store.keep(sha256, NOW + (1 + turn) * DAY) and store.get(sha256) != jpeg:
            lost.append(sha256)
        store.sweep(NOW)
    return lost


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_processes_and_threads_at_once_lose_no_kept_picture(
    tmp_path: Path, pool: type[ThreadPoolExecutor | ProcessPoolExecutor]
) -> None:
    with pool(4) as workers:
        lost = list(workers.map(_put_keep_sweep, [tmp_path] * 4, range(4)))
    assert lost == [[], [], [], []]
    assert len(list((tmp_path / "sha256").iterdir())) == 5
