"""Pictures, zones and boxes to show to a detector."""

from datetime import UTC, datetime, timedelta

import numpy as np

from detectors.hits import Detections, Frame, Zone

LABELS = ("person", "car", "bus", "truck")
START = datetime(2026, 6, 1, tzinfo=UTC)
WIDTH_PX, HEIGHT_PX = 400, 300
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def grey_picture(mean: int = 120, spread: int = 40, width_px: int = WIDTH_PX) -> np.ndarray:
    """Noise of a mean grey, 3:4, the same each time."""
    noise = np.random.default_rng(7).integers(-spread, spread + 1, (HEIGHT_PX, width_px, 1))
    return np.clip(mean + noise, 0, 255).astype(np.uint8).repeat(3, axis=2)


VISIBLE = grey_picture()


def frame(at_s: float = 0.0, image_bgr: np.ndarray = VISIBLE) -> Frame:
    return Frame("camera-1", START + timedelta(milliseconds=round(at_s * 1000)), image_bgr)


def boxes(*rows: tuple[float, float, float, float, float, str]) -> Detections:
    """Rows of x_min, y_min, x_max, y_max in px, confidence, label."""
    return Detections(
        np.array([row[:4] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[4] for row in rows], np.float32),
        np.array([LABELS.index(row[5]) for row in rows], np.int64),
    )


def zone(polygon: tuple = WHOLE, **params: float | str | bool) -> Zone:
    return Zone(
        id="zone-1", event_type="event", detector="detector", place_id="place-1",
        leaf_code="510104001001001", map_version="1", polygon=polygon, params=params,
    )  # fmt: skip
