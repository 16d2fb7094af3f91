"""What optics let a camera show of a hanging cord, and how large its reference picture is."""

import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.site.flying_wire import LEAST_PX, SURE_PX, cord_px, focal_px, picture_size
from pipeline.site.load import check_site, load_site


def replace(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")


@pytest.mark.parametrize(
    ("width_px", "hfov_deg", "row"),
    [
        (1920, 87, "1012 | 1.6 / 0.8 / 0.4 | 5.4"),
        (2560, 87, "1349 | 2.2 / 1.1 / 0.5 | 7.2"),
        (3840, 87, "2023 | 3.2 / 1.6 / 0.8 | 10.8"),
        (1920, 30, "3583 | 5.7 / 2.9 / 1.4 | 19"),
        (2560, 30, "4777 | 7.6 / 3.8 / 1.9 | 25"),
    ],
)
def test_the_table_of_the_research_to_its_printed_digits(
    width_px: int, hfov_deg: float, row: str
) -> None:
    """detectors.md A.4: px of focal length, of an 8 mm cord at 5, 10 and 20 m, metres at 1.5 px."""
    f_px = focal_px(width_px, hfov_deg)
    wide = " / ".join(f"{cord_px(8, metres, f_px):.1f}" for metres in (5, 10, 20))
    farthest_m = cord_px(8, 1, f_px) / SURE_PX
    digits = 0 if hfov_deg == 30 else 1
    assert f"{f_px:.0f} | {wide} | {farthest_m:.{digits}f}" == row


def test_the_distances_of_the_document_are_enough_and_no_more() -> None:
    text = (Path(__file__).parents[3] / "docs/site.md").read_text("utf-8")
    rows = re.findall(r"\| (\d+) px, \d+ mm \((\d+)°\) \| ([\d.]+) m \| ([\d.]+) m \|", text)
    assert len(rows) == 5
    for width, hfov, *farthest in rows:
        f_px = focal_px(int(width), float(hfov))
        for metres, least_px in zip(map(float, farthest), (SURE_PX, LEAST_PX), strict=True):
            assert cord_px(8, metres + 0.1, f_px) < least_px <= cord_px(8, metres, f_px)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("view.jpg", []),
        ("view.jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
        ("view.jpg", [cv2.IMWRITE_JPEG_RST_INTERVAL, 4]),
        ("view.png", []),
    ],
)
def test_a_whole_picture_has_a_size_and_one_cut_short_has_none(
    tmp_path: Path, name: str, how: list[int]
) -> None:
    file = tmp_path / name
    assert cv2.imwrite(str(file), np.full((90, 160, 3), 128, np.uint8), how)
    assert picture_size(file) == (160, 90)
    whole = file.read_bytes()
    file.write_bytes(whole + b"\0" * 500)
    assert picture_size(file) == (160, 90)
    for end in range(len(whole) - 5, -1, -5):  # the last 4 of a PNG are a sum of its IEND
        file.write_bytes(whole[:end])
        assert picture_size(file) is None, end


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"\xff\xd8\xff\xe0\0\0" * 9, b"\xff\xd8" + b"\0" * 99]
)
def test_what_is_no_picture_has_no_size(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "view.jpg").write_bytes(content)
    assert picture_size(tmp_path / "view.jpg") is None


def test_what_is_said_to_be_enough_is_enough(bad_site: Callable[[str], Path]) -> None:
    site = bad_site("R026-cord-below-a-pixel")
    for before, after, codes in (("20", "8.0", ["R027"]), ("8.0", "5.3", [])):
        replace(site / "cameras/one.toml", f"distance_m = {before}", f"distance_m = {after}")
        assert [problem.code for problem in check_site(site)[1]] == codes


def test_a_camera_has_its_reference_pictures_and_its_zone_its_windows(
    bad_site: Callable[[str], Path],
) -> None:
    site = bad_site("R030-reference-of-another-view")
    assert cv2.imwrite(str(site / "night.png"), np.zeros((540, 960), np.uint8))
    file = site / "cameras/one.toml"
    replace(file, "windows", "charging = [[[0.4, 0.8], [0.6, 0.8], [0.5, 0.7]]]\nwindows")
    (camera,) = load_site(site).cameras
    assert camera.references == (camera.reference, site.resolve() / "night.png")
    assert camera.zones[0].windows == (((0.2, 0.2), (0.3, 0.2), (0.3, 0.3)),)
    assert camera.zones[0].charging == (((0.4, 0.8), (0.6, 0.8), (0.5, 0.7)),)


def test_no_reference_is_read_where_no_wire_is_looked_for(tiny: Path) -> None:
    (tiny / "view.png").write_text("no picture")
    replace(tiny / "cameras/one.toml", "sample_fps", 'reference = "view.png"\nsample_fps')
    assert check_site(tiny)[1] == ()
