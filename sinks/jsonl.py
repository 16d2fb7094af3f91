"""A sink that writes one JSON line per message, for replay and for looking."""

import base64
import os
import threading
from pathlib import Path

import msgspec

from sinks.contract import Headers, SinkUnavailable


class JsonlSink:
    """An `AlertSink` over a file that is written anew; the folder must be there.

    A line is `{"topic": T, "key": K, "value": V, "headers": [[NAME, TEXT], ...], "partition": P}`;
    `headers` and `partition` are absent when empty. A value that is one line of JSON stands as it
    is, byte for byte, so `jq .value` reads alerts; other bytes than JSON (value) or UTF-8 (key,
    header) stand as `{"base64": TEXT}`. The same messages always make the same file.

    Acknowledged means that the operating system has the whole line: it survives the end of this
    process; `close` makes it survive a loss of power. Raises SinkUnavailable if it cannot be
    opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise self._unavailable(error) from error

    def send(
        self,
        topic: str,
        key: bytes,
        value: bytes,
        headers: Headers = (),
        partition: int | None = None,
    ) -> None:
        """Append one line. Raises SinkUnavailable, and then the file has none of it."""
        line = _line(topic, key, value, headers, partition)
        with self._lock:
            if self._file.closed:
                raise SinkUnavailable(f"{self._path} is closed")
            start = self._file.tell()
            try:
                self._write(line)
            except OSError as error:
                self._undo(start)
                raise self._unavailable(error) from error

    def close(self) -> None:
        """Make every line durable. Raises SinkUnavailable when the disk does not take them."""
        with self._lock:
            if self._file.closed:
                return
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise self._unavailable(error) from error
            finally:
                self._file.close()

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[self._file.write(rest) :]

    def _undo(self, start: int) -> None:
        # Half a line would spoil the next one, which is the same message tried again.
        self._file.seek(start)
        self._file.truncate()

    def _unavailable(self, error: OSError) -> SinkUnavailable:
        return SinkUnavailable(f"{self._path} cannot be written: {error.strerror or error}")


def _line(topic: str, key: bytes, value: bytes, headers: Headers, partition: int | None) -> bytes:
    record: dict[str, object] = {"topic": topic, "key": _text(key), "value": _json(value)}
    if headers:
        record["headers"] = [[name, _text(content)] for name, content in headers]
    if partition is not None:
        record["partition"] = partition
    return msgspec.json.encode(record) + b"\n"


def _text(content: bytes) -> str | dict[str, str]:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return _base64(content)


def _json(content: bytes) -> msgspec.Raw | dict[str, str]:
    try:
        # The parsed form is thrown away: written again, 1.0 or an escape could change its bytes.
        msgspec.json.decode(content)
        one_line = content.decode().isprintable()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # the last: nested too deep
        one_line = False
    return msgspec.Raw(content) if one_line else _base64(content)


def _base64(content: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(content).decode()}
