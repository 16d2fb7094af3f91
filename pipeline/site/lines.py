"""Where things stand in a TOML text: tomllib says what is there, but not on which line."""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator

Path = tuple[str | int, ...]

# A comma between items tells nothing that is not known without it.
_BLANK = re.compile(r"(?:[ \t\r\n,]+|#[^\n]*)*")
_SPACES = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_OTHER_VALUE = re.compile(r"[^,\]}\n#]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


def toml_lines(text: str) -> dict[Path, int]:
    """The line, counted from 1, of every table, key and array item of a text tomllib accepts.

    Keys are paths: ("camera", 0, "zones", 1, "id"). Raises RecursionError for absurd nesting.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    """Walks over the text once; it only has to tell keys from values, tomllib checked the rest."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {(): 1}
        self._text = text
        self._at = 0
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._tables_so_far: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        for _ in self._items("\0"):  # no text that tomllib accepts has one
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match.group()

    def _take(self, mark: str) -> bool:
        found = self._text.startswith(mark, self._at)
        self._at += len(mark) if found else 0
        return found

    def _line(self) -> int:
        return bisect_right(self._newlines, self._at - 1) + 1

    def _mark(self, path: Path, line: int) -> None:
        for end in range(1, len(path)):
            self.lines.setdefault(path[:end], line)
        self.lines[path] = line

    def _header(self) -> Path:
        line = self._line()
        many = self._take("[[") or not self._take("[")
        keys = self._keys()
        self._take("]]" if many else "]")
        path = self._resolve(keys[:-1]) + keys[-1:]
        if many:
            index = self._tables_so_far.get(path, 0)
            self._tables_so_far[path] = index + 1
            self.lines.setdefault(path, line)
            path = (*path, index)
        self._mark(path, line)
        return path

    def _resolve(self, keys: Path) -> Path:
        """`keys` of a header, with the index of the last table where one is an array of tables."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self._tables_so_far:
                path = (*path, self._tables_so_far[path] - 1)
        return path

    def _keys(self) -> Path:
        keys: list[str] = []
        while True:
            self._skip(_SPACES)
            quoted = self._skip(_STRING)
            keys.append(
                tomllib.loads(f"key = {quoted}")["key"] if quoted else self._skip(_BARE_KEY)
            )
            self._skip(_SPACES)
            if not self._take("."):
                return tuple(keys)

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = table + self._keys()
        self._mark(path, line)
        self._take("=")
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(_SPACES)
        if self._take("["):
            for index, _ in enumerate(self._items("]")):
                self._mark((*path, index), self._line())
                self._value((*path, index))
        elif self._take("{"):
            for _ in self._items("}"):
                self._pair(path)
        elif not self._skip(_STRING):
            self._skip(_OTHER_VALUE)

    def _items(self, close: str) -> Iterator[None]:
        """Comes to each item of an array or inline table, and goes behind its end."""
        self._skip(_BLANK)
        while self._at < len(self._text) and not self._take(close):
            yield
            self._skip(_BLANK)
