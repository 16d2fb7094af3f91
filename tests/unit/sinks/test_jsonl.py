import os
from pathlib import Path

import pytest

from sinks.contract import SinkUnavailable
from sinks.jsonl import JsonlSink


def test_json_stands_byte_for_byte_and_the_same_messages_make_the_same_file(tmp_path: Path) -> None:
    value = '{"名":"人员聚集","n":1.0,"e":"\\u4e2d"}'.encode()
    for name in ("a", "b"):
        sink = JsonlSink(tmp_path / name)
        sink.send("grid.alerts.v1", "键".encode(), value)
        sink.close()
    line = (tmp_path / "a").read_bytes()
    assert line == '{"topic":"grid.alerts.v1","key":"键","value":'.encode() + value + b"}\n"
    assert line == (tmp_path / "b").read_bytes()


def test_a_line_that_the_disk_did_not_take_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.jsonl"
    sink = JsonlSink(path)
    sink.send("t", b"k", b"1")
    whole = path.read_bytes()

    def half(line: bytes) -> None:
        sink._file.write(line[:5])
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as broken:
        broken.setattr(sink, "_write", half)
        with pytest.raises(SinkUnavailable, match="No space left"):
            sink.send("t", b"k", b"2")
    assert path.read_bytes() == whole
    sink.send("t", b"k", b"2")
    assert path.read_bytes().count(b"\n") == 2
    sink.close()


def test_a_file_that_cannot_be_opened_says_which(tmp_path: Path) -> None:
    with pytest.raises(SinkUnavailable, match=r"absent/out\.jsonl"):
        JsonlSink(tmp_path / "absent" / "out.jsonl")
