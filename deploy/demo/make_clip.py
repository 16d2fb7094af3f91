"""Make campus.mp4, the demo's clip, from OpenCV's sample vtest.avi (credited in NOTICE).

python deploy/demo/make_clip.py PATH/TO/vtest.avi deploy/demo/campus.mp4 [FRAMES]

Debian's package opencv-doc ships the sample. Frames are kept as they are, from the first one on.
"""

import sys
from fractions import Fraction

import av

SHOT_FPS = 7  # the container says 10


def main(source: str, target: str, frames: str = "560") -> None:
    """Re-encode the first `frames` frames of `source` as H.264 at the rate they were shot."""
    with av.open(source) as given, av.open(target, "w") as made:
        read = given.streams.video[0]
        write = made.add_stream("libx264", rate=SHOT_FPS)
        write.width, write.height, write.pix_fmt = read.width, read.height, "yuv420p"
        write.options = {"crf": "27", "preset": "veryslow", "g": "70"}
        for index, frame in zip(range(int(frames)), given.decode(read), strict=False):
            frame.pts, frame.time_base = index, Fraction(1, SHOT_FPS)
            made.mux(write.encode(frame.reformat(format="yuv420p")))
        made.mux(write.encode(None))


if __name__ == "__main__":
    main(*sys.argv[1:])
