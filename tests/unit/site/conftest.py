"""Sites to load: the demo, and the smallest good one with a few files laid over it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SITES = ROOT / "tests/data/sites"


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A copy of the demo that a test may change, with empty files for its clips."""
    site = tmp_path / "demo"
    shutil.copytree(ROOT / "deploy/demo", site, ignore=shutil.ignore_patterns("*.mp4", "evidence"))
    for clip in ("campus.mp4", "wire.mp4"):
        (site / clip).touch()
    return site


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A copy of the smallest good site."""
    return Path(shutil.copytree(SITES / "good", tmp_path / "tiny"))


@pytest.fixture
def bad_site(tiny: Path) -> Callable[[str], Path]:
    """The smallest good site with one fault: the files of tests/data/sites/NAME over it."""

    def lay_over(name: str) -> Path:
        shutil.copytree(SITES / name, tiny, dirs_exist_ok=True)
        missing = tiny / "missing.txt"
        for gone in missing.read_text().split() if missing.exists() else ():
            (tiny / gone).unlink()
        return tiny

    return lay_over
