"""Real traces: power of single appliances every second or so, as tracebase publishes them.

Contains information from the tracebase data set, which is made available at
http://www.tracebase.org under the Open Database License (ODbL); see NOTICE.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.charging.curves import DAY_S, STEP_S, STEPS, Watts

# Devices that a file's name does not tell, by tracebase's own folders.
_DEVICES = {
    "dev_5AE2CA": "PC-Laptop",
    "dev_D32328": "Charger-Smartphone",
    "dev_D337C2": "Iron",
    "dev_D337C9": "Charger-Smartphone",
}
# The only real days that the network has seen; every other one may judge it.
TRAINED_ON = (
    "dev_5AE2CA_2012.01.18.csv",
    "dev_D337C9_2012.01.20.csv",
    "dev_D337C9_2012.01.21.csv",
)


def traces(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every trace below a folder with the name of its appliance, in order."""
    for path in sorted(folder.rglob("*_*.csv")):
        device = path.stem.rsplit("_", 1)[0]
        name = device if path.parent == folder else path.parent.name
        yield _DEVICES.get(device, name), path


def read_trace(path: Path) -> tuple[NDArray[np.float64], Watts]:
    """Seconds since the first day's midnight and watts (N,), in the file's order.

    Raises ValueError for a line that is none of a trace.
    """
    stamps, watts = [], []
    for line in path.read_text("ascii").splitlines():
        at, watt, *_ = line.replace('"', "").split(";")
        stamps.append(at)
        watts.append(float(watt))
    seconds = {day: _midnight_s(day) for day in {at[:10] for at in stamps}}
    first = min(seconds.values())
    at_s = [
        seconds[at[:10]] - first + int(at[11:13]) * 3600 + int(at[14:16]) * 60 + int(at[17:19])
        for at in stamps
    ]
    return np.array(at_s), np.array(watts)


def _midnight_s(day: str) -> float:
    return datetime.strptime(day, "%d/%m/%Y").replace(tzinfo=UTC).timestamp()


def as_steps(at_s: NDArray[np.float64], watts: Watts) -> Watts:
    """The first day of a trace as (STEPS,); 0 where nothing was read for a minute."""
    order = np.argsort(at_s, kind="stable")
    grid = np.arange(STEPS) * float(STEP_S)
    index = np.searchsorted(at_s[order], grid, side="right") - 1
    held = np.maximum(index, 0)
    near = (index >= 0) & (grid - at_s[order][held] < 60) & (grid < DAY_S)
    return np.where(near, watts[order][held], 0.0)
