"""The files of one site: each is read once, so that what is hashed is what is parsed."""

import codecs
import hashlib
import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.site.lines import Path as Steps
from pipeline.site.lines import toml_lines
from pipeline.site.problems import Findings, Spot, say
from pipeline.site.tables import Node


class SiteFiles:
    """Reads the files of `folder`; whatever cannot be read or parsed is noted in `found`."""

    def __init__(self, folder: Path, found: Findings) -> None:
        self.folder = folder
        self.found = found
        self._bytes: dict[str, bytes] = {}

    def camera_files(self) -> list[str]:
        """The names of cameras/*.toml, sorted."""
        return sorted(f"cameras/{path.name}" for path in (self.folder / "cameras").glob("*.toml"))

    def has(self, name: str) -> bool:
        """Whether `name` was there and could be read."""
        return name in self._bytes

    def content(self, name: str, needed_for: str | None = None) -> bytes | None:
        """A text in UTF-8; None where it is unreadable, or missing, noted when it is needed.

        `needed_for`: what words.toml calls the reason.
        """
        try:
            content = (self.folder / name).read_bytes()
        except FileNotFoundError:
            if needed_for is not None:
                self.found.add("F001", Spot(name, 1), file=name, reason=say(needed_for))
            return None
        except OSError as error:
            self.found.add("F002", Spot(name, 1), file=name, error=error.strerror)
            return None
        self._bytes[name] = content
        try:
            content.decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.found.add("F002", Spot(name, line), file=name, error=error.reason)
            return None
        # Spreadsheets and Windows editors put a byte order mark first; it means nothing.
        return content.removeprefix(codecs.BOM_UTF8)

    def text(self, name: str, needed_for: str | None = None) -> str | None:
        """As `content`, decoded."""
        content = self.content(name, needed_for)
        return content.decode() if content is not None else None

    def toml(self, name: str, needed_for: str | None = None) -> Node | None:
        """The whole table of a TOML file; None where there is none, or none that can be used."""
        text = self.text(name, needed_for)
        if text is None:
            return None
        try:
            node = Node(tomllib.loads(text), name, toml_lines(text), self.found)
        except tomllib.TOMLDecodeError as error:
            line = _line_of(str(error), text)
            self.found.add("F003", Spot(name, line), format="TOML", error=error)
            return None
        except (ValueError, RecursionError) as error:  # a number of 5000 digits; absurd nesting
            self.found.add("F003", Spot(name, 1), format="TOML", error=error)
            return None
        endless = list(_not_finite(node.value))
        for path, value in endless:
            key = next(step for step in reversed(path) if isinstance(step, str))
            node.add("F007", *path, key=key, value=value, must=say("finite"))
        return None if endless else node

    def digest(self, *also: str) -> str:
        """SHA-256, in hex, of every file read so far in sorted order, then of `also`."""
        total = hashlib.sha256()
        for name in sorted(self._bytes):
            total.update(f"{name}\0{len(self._bytes[name])}\0".encode())
            total.update(self._bytes[name])
        for text in also:
            total.update(text.encode())
        return total.hexdigest()

    def digest_of(self, name: str) -> str:
        """SHA-256, in hex, of one file that was read; of nothing where it was not."""
        return hashlib.sha256(self._bytes.get(name, b"")).hexdigest()


def _line_of(message: str, text: str) -> int:
    """The line that tomllib names; it names none when the text ends too early."""
    match = re.search(r"at line (\d+)", message)
    return int(match.group(1)) if match else max(1, len(text.splitlines()))


def _not_finite(value: Any, path: Steps = ()) -> Iterator[tuple[Steps, float]]:
    """Every NaN and infinity in `value`, and the way to it."""
    if isinstance(value, float) and not math.isfinite(value):
        yield path, value
    elif isinstance(value, dict | list):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_finite(item, (*path, step))
