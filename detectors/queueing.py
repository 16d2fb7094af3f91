"""Which standing vehicles wait in a queue: at a red light, at a gate, in a jam."""

import numpy as np
from numpy.typing import NDArray

# research/detectors.md A.3: three or more with gaps below 1.5 lengths.
QUEUE_OF = 3
GAP_LENGTHS = 1.5
# Longer than any red light (40 to 180 s of a cycle): what stands for so long does not wait.
WAITS_S = 150.0
# What stood alone for so long before the others came was not waiting for what they wait for.
ALONE_S = 60.0


def waiting(
    boxes_xyxy: NDArray[np.float32], stood_s: NDArray[np.float64], waited: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which of (N, 4) wait: neighbours of neighbours of which three came one after the other.

    `stood_s` (N,): for how long; NaN where nobody saw it arrive, which then never waits. `waited`:
    which did a look ago; a queue holds until one is left.
    """
    young = stood_s < WAITS_S
    if not young.any():
        return young
    came_by = stood_s[None, :] >= stood_s[:, None] - ALONE_S
    together = _connected(boxes_xyxy) & young[:, None] & young[None, :] & came_by
    with_it = together.sum(axis=1)  # itself among them
    queues: NDArray[np.bool_] = young & (
        (with_it >= QUEUE_OF) | (waited & (with_it >= QUEUE_OF - 1))
    )
    return queues


def _connected(boxes_xyxy: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of (N, 4) are in one chain of neighbours: (N, N). A length is a box's longer side."""
    low, high = boxes_xyxy[:, None, :2], boxes_xyxy[:, None, 2:]
    apart = np.maximum(low - high.swapaxes(0, 1), low.swapaxes(0, 1) - high).clip(0)
    length = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).max(axis=1)
    near = np.hypot(apart[..., 0], apart[..., 1]) < GAP_LENGTHS * (length[:, None] + length) / 2
    reach: NDArray[np.bool_] = near | np.eye(len(boxes_xyxy), dtype=bool)
    while True:  # each round doubles the steps; at most log2(N) rounds
        further = (reach.astype(np.float32) @ reach) > 0
        if (further == reach).all():
            return reach
        reach = further
