"""`python -m tests.soak`: ten million random records through the fold, and how many a second."""

import argparse
import sys
import time

from tests.soak.run import Run
from tests.soak.world import World

WORLD = 200_000  # records of one world; the next has the next seed


def main() -> int:
    """Print progress on the way; AssertionError names the seed and the record that was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first world")
    wanted = parser.parse_args()
    began, records, alerts, ids, seed = time.monotonic(), 0, 0, 0, wanted.seed
    while records < wanted.records:
        run = Run(World(seed))
        try:
            while run.books.records < min(WORLD, wanted.records - records):
                for _ in run.part():
                    pass
        except Exception:
            print(f"seed {seed}, record {run.offset}", file=sys.stderr)  # noqa: T201
            raise
        records += run.books.records
        alerts, ids, seed = alerts + run.books.published, ids + len(run.books.ids), seed + 1
        per_s = records / (time.monotonic() - began)
        print(f"{records} records, {ids} incidents, {alerts} alerts, {per_s:.0f} records/s")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
