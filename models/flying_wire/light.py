"""A camera under a kind of light: what it makes of a scene, frame by frame.

Day, night with lamps, infrared and rain; exposure, white balance, gamma, blur, sharpening halo,
sensor noise, compression and a fraction of a pixel of shake. What belongs to the camera and the
place stays the same from frame to frame; noise, shake and exposure differ.
"""

import functools
import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.flying_wire.shapes import Image, Rng, Size, noise

LIGHTS = ("day", "night", "infrared", "rain")
SHAKE_PX = 0.7
_POOL = 1 << 20


@functools.cache
def _noise_pool() -> NDArray[np.float32]:
    """Normal noise to cut from: drawing it anew costs more than everything else in a frame."""
    return np.random.default_rng(1).standard_normal(_POOL + (1 << 12), dtype=np.float32)


def _normal(rng: Rng, count: int) -> NDArray[np.float32]:
    pool = _noise_pool()
    start = int(rng.integers(1 << 12))
    if count <= _POOL:
        return pool[start : start + count]
    return np.resize(pool[start:], count)


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera under one light; `seed` fixes lamps, shadows and drops of its place.

    `exposure`: a factor by day and in rain; in the dark the middle level that it aims at, 0..1.
    """

    light: str
    seed: int
    exposure: float
    gamma: float
    contrast: float
    white: tuple[float, float, float]
    shake_px: float
    blur_px: float
    shrink: float
    sharpen: float
    noise: float
    coarse: bool
    quality: int
    twice: bool

    @classmethod
    def random(cls, rng: Rng, light: str, *, strength: float = 1.0) -> "Camera":
        """A camera's character; `strength` 0..1 tames noise, shake, blur and compression."""
        dark = light in ("night", "infrared")
        exposures = {"day": (0.75, 1.25), "night": (0.14, 0.32), "infrared": (0.22, 0.5)}
        low, high = exposures.get(light, (0.6, 0.95))
        grain = rng.uniform(2.5, 9.0) if dark else rng.uniform(0.3, 4.0)
        return cls(
            light,
            int(rng.integers(1 << 31)),
            rng.uniform(low, high),
            float(rng.choice([1.0, math.exp(rng.normal(0, 0.2))])),
            rng.uniform(0.7, 1.15) * (0.85 if light == "rain" else 1.0),
            tuple(rng.uniform(0.92, 1.08, 3)),
            float(rng.choice([0.0, SHAKE_PX, SHAKE_PX, SHAKE_PX])) * min(1.0, strength),
            float(rng.choice([0.0, rng.uniform(0.35, 0.9)])) * strength,
            float(rng.choice([1.0, 1.0, rng.uniform(0.6, 0.95)])),
            float(rng.choice([0.0, rng.uniform(0.3, 1.1)])) * strength,
            grain * strength,
            bool(rng.random() < (0.5 if dark else 0.2)),
            round(100 - (100 - rng.uniform(28, 95)) * min(1.0, strength)),
            bool(rng.random() < 0.3),
        )

    def frame(self, picture: Image, rng: Rng, *, hour: float | None = None) -> NDArray[np.uint8]:
        """One frame (H, W, 3) uint8 of a scene (H, W, 3) 0..255.

        `hour` 0..1: where the sun stands; frames of the same minutes share it, without it any hour.
        """
        size = (picture.shape[1], picture.shape[0])
        hour = float(rng.random()) if hour is None else hour
        image = self._optics(picture, size, rng)
        gain = self.contrast * math.exp(rng.normal(0, 0.05))
        bright = self._illumination(size, hour)
        if self.light in ("night", "infrared"):  # the camera's own exposure, to a dim middle
            mean = cv2.mean(cv2.multiply(image[::8, ::8], bright[::8, ::8]))
            gain *= 255 / max(sum(mean[:3]) / 3, 8.0)
        bright *= np.float32(gain * self.exposure)
        image = cv2.multiply(image, bright)
        image += np.float32(self._black() + rng.normal(0, 3))
        if self.gamma != 1:
            np.maximum(image, 0, out=image)
            cv2.pow(image, self.gamma, image)
            image *= np.float32(255 ** (1 - self.gamma))
        image = cv2.add(image, self._grain(size, rng))
        if self.sharpen:
            soft = cv2.GaussianBlur(image, (5, 5), 1.0)
            image = cv2.addWeighted(image, 1 + self.sharpen, soft, -self.sharpen, 0)
        return self._coded(image, rng)

    def _black(self) -> float:
        """What less contrast adds everywhere; at night it stays dark."""
        return 0.0 if self.light == "night" else 110 * (1 - self.contrast)

    def _optics(self, picture: Image, size: Size, rng: Rng) -> Image:
        """What the lens makes of it, shaken by a fraction of a pixel; infrared has no colour."""
        sharp = cv2.convertScaleAbs(picture)  # rounded to 8 bits: four times as fast from here
        if self.light == "infrared":
            mix = np.random.default_rng(self.seed + 3).dirichlet([2.0, 2.0, 2.0])
            sharp = cv2.transform(sharp, mix.astype(np.float32)[None])
        dx, dy = rng.normal(0, self.shake_px, 2) if self.shake_px else (0.0, 0.0)
        across, down = _spread(dx, self.blur_px), _spread(dy, self.blur_px)
        image = cv2.sepFilter2D(sharp, cv2.CV_32F, across, down, borderType=cv2.BORDER_REFLECT_101)
        if self.shrink < 1:
            small = (max(8, round(size[0] * self.shrink)), max(8, round(size[1] * self.shrink)))
            image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
            image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        if self.light == "infrared":
            image = cv2.merge([image, image, image])
        if self.light == "rain":
            _rain(image, np.random.default_rng(self.seed + 2), rng)
        return np.asarray(image, np.float32)

    def _illumination(self, size: Size, hour: float) -> Image:
        """How bright each place is (H, W, 3), drawn small and enlarged."""
        w, h = max(8, size[0] // 8), max(8, size[1] // 8)
        rng = np.random.default_rng(self.seed)
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        x, y = x / w, y / h
        if self.light == "night":
            bright = _lamps(rng, x, y)
        elif self.light == "infrared":
            cx, cy, reach = rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.8), rng.uniform(0.4, 1.2)
            fall = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * reach * reach))
            bright = np.repeat((0.25 + 0.95 * fall)[..., None], 3, 2)
        else:
            bright = np.repeat(_sun(rng, x, y, hour, self.light == "rain")[..., None], 3, 2)
        white = (1.0, 1.0, 1.0) if self.light == "infrared" else self.white
        bright = (bright * np.array(white)).astype(np.float32)
        full = cv2.resize(bright, size, interpolation=cv2.INTER_LINEAR)
        shade = self._shade(size, hour) if self.light == "day" else None
        return np.asarray(full if shade is None else cv2.multiply(full, shade), np.float32)

    def _shade(self, size: Size, hour: float) -> Image | None:
        """The shadows of a roof edge, a pole or leaves, which move with the hour: factors."""
        rng = np.random.default_rng(self.seed + 1)
        deep = rng.uniform(0.35, 0.75)
        kind = str(rng.choice(["edge", "leaves", "pole", "none"], p=[0.25, 0.2, 0.15, 0.4]))
        if kind == "none":
            return None
        w, h = size[0] // 2, size[1] // 2
        shade = np.zeros((h, w), np.uint8)
        slope, at = rng.uniform(-1.2, 1.2), (rng.uniform(0, 1) + (hour - 0.5) * 1.2) * w
        if kind == "leaves":
            blobs = noise(rng, (w * 2, h), 9) + noise(rng, (w * 2, h), 30)
            start = round(min(max(hour, 0.0), 1.0) * w)
            shade = ((blobs[:, start : start + w] > 0.6) * 255).astype(np.uint8)
        else:
            wide = w * 2 if kind == "edge" else rng.uniform(2, 12)
            top, foot = at, at + slope * h
            corners = [(top, -2), (top + wide, -2), (foot + wide, h + 2), (foot, h + 2)]
            cv2.fillPoly(shade, [np.array(corners, np.int32)], 255, cv2.LINE_AA)
        soft = cv2.GaussianBlur(shade, (0, 0), rng.uniform(0.7, 3.0))
        factor = (1 - deep / 255 * soft).astype(np.float32)
        large = cv2.resize(factor, size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.merge([large, large, large]), np.float32)

    def _grain(self, size: Size, rng: Rng) -> Image:
        """Sensor noise: fine, or coarse and grey as after a camera's own denoising."""
        width, height = size
        if not self.coarse and self.light != "infrared":
            return (_normal(rng, height * width * 3) * np.float32(self.noise)).reshape(
                height, width, 3
            )
        grain = (_normal(rng, height * width) * np.float32(self.noise)).reshape(height, width)
        if self.coarse:
            grain = cv2.GaussianBlur(grain, (3, 3), 0.8) * np.float32(1.6)
        return np.asarray(cv2.merge([grain, grain, grain]), np.float32)

    def _coded(self, image: Image, rng: Rng) -> NDArray[np.uint8]:
        """Compressed as a stream or a still is, at times twice, on another grid of blocks."""
        frame = np.asarray(cv2.convertScaleAbs(np.maximum(image, 0)), np.uint8)
        if self.twice:
            shifted = np.roll(frame, (3, 5), (0, 1))
            frame = np.roll(_jpeg(shifted, self.quality + 5), (-3, -5), (0, 1))
        return _jpeg(frame, self.quality + int(rng.integers(-3, 4)))


def _spread(shift_px: float, blur_px: float) -> NDArray[np.float32]:
    """A kernel of 9 taps that moves by a part of a pixel and blurs by `blur_px` (sigma)."""
    away = np.arange(-4, 5) + np.clip(shift_px, -3, 3)
    taps = np.exp(-0.5 * (away / blur_px) ** 2) if blur_px >= 0.3 else np.maximum(0, 1 - abs(away))
    return np.asarray(taps / taps.sum(), np.float32)


def _jpeg(frame: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    setting = [cv2.IMWRITE_JPEG_QUALITY, int(np.clip(quality, 15, 98))]
    decoded = cv2.imdecode(cv2.imencode(".jpg", frame, setting)[1], cv2.IMREAD_COLOR)
    return np.asarray(decoded, np.uint8)


def _lamps(rng: Rng, x: Image, y: Image) -> Image:
    """Night: a dim sky and one to three pools of warm or cold light, (h, w, 3)."""
    sky = np.array([1.0, 0.95, 0.9], np.float32) * np.float32(rng.uniform(0.35, 0.9))
    gain = np.ones((*x.shape, 3), np.float32) * sky
    for _ in range(int(rng.integers(1, 4))):
        cx, cy = rng.uniform(-0.1, 1.1), rng.uniform(-0.1, 1.0)
        wide, high = rng.uniform(0.12, 0.6), rng.uniform(0.15, 0.7)
        pool = np.exp(-(((x - cx) / wide) ** 2 + ((y - cy) / high) ** 2) / 2)
        warm = rng.uniform(0, 1)
        tint = np.array([1.0 - 0.55 * warm, 1.0 - 0.2 * warm, 1.0], np.float32)
        gain += pool[..., None] * tint * np.float32(rng.uniform(0.4, 1.8))
    return np.asarray(gain, np.float32)


def _sun(rng: Rng, x: Image, y: Image, hour: float, rain: bool) -> Image:
    """Day: a gradient over the wall that turns with the hour, and drifting clouds."""
    depth = 0.1 if rain else rng.uniform(0.1, 0.5)
    turn = rng.uniform(0, 2 * math.pi) + hour * 2
    slope = (x - 0.5) * math.cos(turn) + (y - 0.5) * math.sin(turn)
    size = (x.shape[1], x.shape[0])
    return 1 + np.float32(depth) * slope + 0.05 * noise(rng, size, max(size) / 3)


def _rain(image: Image, place: Rng, rng: Rng) -> None:
    """Rain, in place: haze, streaks that fall anew in each frame, drops that stay on the glass."""
    height, width = image.shape[:2]
    haze = place.uniform(0.05, 0.4)
    image *= np.float32(1 - haze)
    image += np.float32(haze * 165)
    streaks = np.zeros((height, width), np.uint8)
    lean = place.normal(0, 0.15) + rng.normal(0, 0.03)
    long_px = place.uniform(0.01, 0.05) * height
    for x, y, far in rng.random((int(place.integers(20, 160)), 3)):
        start = (round(x * width), round(y * height))
        reach = long_px * (0.5 + far)
        end = (round(start[0] + reach * lean), round(start[1] + reach))
        cv2.line(streaks, start, end, 90 + round(120 * far), 1, cv2.LINE_AA)
    thin = cv2.GaussianBlur(streaks, (3, 3), 0.6).astype(np.float32)
    thin *= np.float32(place.uniform(0.08, 0.3))
    cv2.add(image, cv2.merge([thin, thin, thin]), image)
    for x, y, r in place.random((int(place.integers(0, 5)), 3)):
        radius = round(4 + 18 * r)
        left, top = round(x * (width - 1)), round(y * (height - 1))
        part = image[max(0, top - radius) : top + radius, max(0, left - radius) : left + radius]
        if min(part.shape[:2]) > 4:
            part[:] = cv2.GaussianBlur(part, (0, 0), 3.5) * np.float32(1.05)


def photograph(picture: Image, light: str, rng: Rng, *, strength: float = 1.0) -> NDArray[np.uint8]:
    """One frame of a scene by any camera under that light, uint8 (H, W, 3)."""
    return Camera.random(rng, light, strength=strength).frame(picture, rng)
