"""Ids: what they look like, and that each is given once."""

import re

from pipeline.site.problems import Both, Findings, Spot

# "|" and "@" separate the parts of hit and alert ids; blanks hide in tables.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


class Ids:
    """The ids of one kind given so far, and where each was given first."""

    def __init__(self, kind: Both, found: Findings) -> None:
        self._kind = kind
        self._found = found
        self._first: dict[str, Spot] = {}

    def claim(self, name: str, spot: Spot, key: str = "id") -> bool:
        """Whether `name` is a good id that nothing else of this kind has; noted where not."""
        if not _ID.fullmatch(name):
            must = Both(
                "an id has 1 to 64 letters, digits, '.', '_', ':' or '-', a letter or digit first",
                "编号由 1 到 64 个字母、数字或 . _ : - 组成，以字母或数字开头",
            )
            self._found.add("F007", spot, key=key, value=f'"{name}"', must=must)
            return False
        first = self._first.setdefault(name, spot)
        if first != spot:
            where = f"{first.file}:{first.line}"
            self._found.add("R004", spot, kind=self._kind, id=name, first=where)
            return False
        return True
