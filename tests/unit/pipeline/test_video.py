"""Frames of real files: sampled by event time, and nothing that is wrong stops the rest."""

from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from detectors.hits import Frame
from pipeline.messages import Reason
from pipeline.site.model import Camera
from pipeline.sources.video import MAX_PICTURE_BYTES, Unreadable, frames
from tests.unit.pipeline.clips import START, camera, clip, picture

TENTHS = [n / 10 for n in range(20)]
GREY = np.full((48, 64, 3), 90, np.uint8)


def read(of: Camera) -> tuple[list[Frame], list[Unreadable], int]:
    """Frames, what was unreadable, and how many came in."""
    came: list[None] = []
    items = list(frames(of, lambda: came.append(None)))
    seen = [item for item in items if isinstance(item, Frame)]
    return seen, [item for item in items if isinstance(item, Unreadable)], len(came)


def seconds(seen: list[Frame]) -> list[float]:
    return [round((frame.at - START).total_seconds(), 3) for frame in seen]


@pytest.mark.parametrize(
    ("times_s", "fields", "expected"),
    [
        pytest.param(TENTHS, {"sample_fps": 5}, [n / 5 for n in range(10)],
                     id="every second frame of ten a second is five a second"),
        pytest.param(TENTHS, {"sample_fps": 100}, TENTHS,
                     id="no frame is looked at twice, however often one would look"),
        pytest.param([0, 0.1, 0.9, 3.0, 3.1], {"sample_fps": 2}, [0, 0.9, 3.0],
                     id="a gap in the file is a gap in time"),
        pytest.param([0, 0.1, 0.9, 3.0], {"sample_fps": 2, "fps": 2}, [0, 0.5, 1.0, 1.5],
                     id="given frames a second overrule the file's own times"),
        pytest.param([5.0, 5.5, 6.0], {"sample_fps": 2}, [0, 0.5, 1.0],
                     id="time begins with the first frame"),
    ],
)  # fmt: skip
def test_a_clip_is_sampled_by_event_time(
    tmp_path: Path, times_s: list[float], fields: dict, expected: list[float]
) -> None:
    video = clip(tmp_path / "clip.mp4", times_s)
    seen, unreadable, came_in = read(camera(video=video, **fields))
    assert seconds(seen) == expected
    assert (unreadable, came_in) == ([], len(times_s))


def test_a_frame_is_the_picture_of_its_time(tmp_path: Path) -> None:
    seen, _, _ = read(camera(video=clip(tmp_path / "clip.mp4", TENTHS), sample_fps=2))
    assert [frame.size_wh for frame in seen] == [(64, 48)] * 4
    assert [frame.camera_id for frame in seen] == ["cam-1"] * 4
    brightness = [float(frame.image_bgr.mean()) for frame in seen]
    assert brightness == pytest.approx([0, 40, 80, 120], abs=4)


def test_event_times_are_utc_in_whole_milliseconds(tmp_path: Path) -> None:
    start = START + timedelta(microseconds=1700)
    video = clip(tmp_path / "clip.mp4", [0, 1 / 3])
    seen, _, _ = read(camera(video=video, start=start, fps=3))
    assert [frame.at.microsecond for frame in seen] == [1000, 335000]


def test_a_file_that_breaks_off_is_read_up_to_there(tmp_path: Path) -> None:
    whole = clip(tmp_path / "whole.ts", TENTHS, noise=100)
    half = tmp_path / "half.ts"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    before, _, _ = read(camera(video=whole, sample_fps=10))
    seen, _, _ = read(camera(video=half, sample_fps=10))
    assert len(before) == 20
    assert 1 <= len(seen) < 20
    assert seconds(seen) == seconds(before)[: len(seen)]


def test_damage_inside_a_file_costs_what_is_damaged(tmp_path: Path) -> None:
    video = clip(tmp_path / "clip.avi", TENTHS, noise=100)
    content = bytearray(video.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = b"\xff" * 400
    video.write_bytes(content)
    seen, _, came_in = read(camera(video=video, sample_fps=10))
    assert came_in >= 10
    assert seconds(seen) == sorted(seconds(seen))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="an empty file"),
        pytest.param(b"this is no video\n" * 100, id="a text"),
        pytest.param(bytes(range(256)) * 40, id="bytes of nothing"),
    ],
)
def test_a_file_that_is_no_video_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"clip\.mp4: no video that can be read"):
        read(camera(video=path))


def test_a_video_whose_end_with_the_index_is_missing_is_named(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", TENTHS, noise=100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(OSError, match=r"clip\.mp4: no video that can be read"):
        read(camera(video=path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"gone\.mp4"):
        read(camera(video=tmp_path / "gone.mp4"))


def test_pictures_of_a_folder_are_a_second_apart_in_order_of_name(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "c.jpeg"):
        picture(tmp_path / name, GREY)
    (tmp_path / "notes.txt").write_text("no picture")
    seen, unreadable, came_in = read(camera(frames=tmp_path))
    assert (seconds(seen), unreadable, came_in) == ([0, 1, 2], [], 3)


def test_pictures_of_a_folder_are_as_far_apart_as_said(tmp_path: Path) -> None:
    for n in range(4):
        picture(tmp_path / f"{n}.png", GREY)
    seen, _, _ = read(camera(frames=tmp_path, fps=4, sample_fps=2))
    assert seconds(seen) == [0, 0.5]


def test_what_is_no_picture_is_told_and_the_next_is_read(tmp_path: Path) -> None:
    picture(tmp_path / "0.png", GREY)
    (tmp_path / "1.jpg").write_bytes(b"\xff\xd8\xff half a picture")
    (tmp_path / "2.jpg").write_bytes(b"")
    with (tmp_path / "3.jpg").open("wb") as large:
        large.truncate(MAX_PICTURE_BYTES + 1)
    (tmp_path / "4.jpg").symlink_to(tmp_path / "gone")
    (tmp_path / "5.jpg").mkdir()
    cv2.imwrite(str(tmp_path / "6.png"), np.zeros((9000, 9000), np.uint8))  # 90 kB as a file
    picture(tmp_path / "7.png", GREY)
    seen, unreadable, came_in = read(camera(frames=tmp_path))
    assert (seconds(seen), came_in) == ([0, 7], 2)
    told = [(one.reason, one.what.split(":")[0], bool(one.value)) for one in unreadable]
    assert told == [
        (Reason.UNREADABLE_PICTURE, "1.jpg", True),
        (Reason.UNREADABLE_PICTURE, "2.jpg", False),
        (Reason.TOO_LARGE, "3.jpg", False),
        (Reason.UNREADABLE_PICTURE, "4.jpg", False),
        (Reason.UNREADABLE_PICTURE, "5.jpg", False),
        (Reason.TOO_LARGE, "6.png", True),
    ]
