from sinks.memory import MemorySink


def test_messages_are_read_back_by_topic() -> None:
    sink = MemorySink()
    sink.send("a", b"k", b"1")
    sink.send("b", b"k", b"2")
    assert [message.value for message in sink.on("b")] == [b"2"]
    assert sink.on("c") == []
