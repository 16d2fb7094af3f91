"""Make wire.mp4 and wire.jpg, the pictures of the demo's second camera: drawn, no camera took them.

python -m deploy.demo.make_wire deploy/demo

One picture every 80 s: a line, a hose and a banner that are no cable, then for 42 minutes an e-bike
with a cable from a window, then what wire.jpg, the view to compare with, shows too. The views are
scenes of models/flying_wire.
"""

import sys
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, repeat
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from models.flying_wire.scenes import Camera, make_scene

SCENE, CAMERA, SIZE_WH = 109, 1_000_109, (768, 576)
WITHOUT, CABLE, AFTER = 6, 32, 3  # pictures
SHOWN_FPS = 2  # by players; the site says when each was "taken"
SUN_MOVES = 0.003  # of its day from picture to picture
Picture = NDArray[np.uint8]


def pictures() -> Iterator[Picture]:
    """The view to compare with, then the clip's: (576, 768, 3) uint8 BGR, the same each time."""
    there = make_scene(np.random.default_rng(SCENE), SIZE_WH, cable=True)
    without = make_scene(np.random.default_rng(SCENE), SIZE_WH, cable=False)
    rng = np.random.default_rng(CAMERA)
    camera = Camera.random(rng, "day", strength=0.3)
    views = chain(
        [there.before_bgr],
        repeat(without.now_bgr, WITHOUT),
        repeat(there.now_bgr, CABLE),
        repeat(there.before_bgr, AFTER),
    )
    for index, view in enumerate(views):
        yield camera.frame(view, rng, hour=0.4 + SUN_MOVES * index)


def main(folder: str) -> None:
    """Write both into the site's folder."""
    made = pictures()
    quality = [cv2.IMWRITE_JPEG_QUALITY, 92]
    cv2.imwrite(str(Path(folder) / "wire.jpg"), next(made), quality)
    with av.open(str(Path(folder) / "wire.mp4"), "w") as clip:
        write = clip.add_stream("libx264", rate=SHOWN_FPS)
        write.width, write.height, write.pix_fmt = *SIZE_WH, "yuv420p"
        write.options = {"crf": "27", "preset": "veryslow", "g": "70"}
        for index, picture in enumerate(made):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, SHOWN_FPS)
            clip.mux(write.encode(frame.reformat(format="yuv420p")))
        clip.mux(write.encode(None))


if __name__ == "__main__":
    main(*sys.argv[1:])
