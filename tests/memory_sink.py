"""A sink that keeps messages in memory."""

from dataclasses import dataclass

from sinks.contract import Headers, SinkUnavailable


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it was sent; `headers` as given."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class MemorySink:
    """An `AlertSink` whose messages can be read back from `messages`, in the order sent."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._closed = False

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers = ()) -> None:
        """Keep it. Raises SinkUnavailable after `close`."""
        if self._closed:
            raise SinkUnavailable("the memory sink is closed")
        self.messages.append(Message(topic, key, value, tuple(headers)))

    def on(self, topic: str) -> list[Message]:
        """The messages of one topic, in the order sent."""
        return [message for message in self.messages if message.topic == topic]

    def close(self) -> None:
        """Take no more; what was sent stays readable."""
        self._closed = True
