"""What a process says while Kafka is away: enough to know, not thousands of lines."""

import logging
from time import monotonic

NOISY = ("aiokafka", "faust", "mode", "asyncio", "kafka")
QUIET_S = 60.0


class OnceAMinute(logging.Filter):
    """A broker that is away makes its clients log the same line thousands of times."""

    def __init__(self) -> None:
        super().__init__()
        self._last_s: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass a line that has not been passed in the last minute."""
        line, now = f"{record.name} {record.msg}"[:200], monotonic()
        if now - self._last_s.get(line, -QUIET_S) < QUIET_S:
            return False
        if len(self._last_s) > 1000:
            self._last_s.clear()
        self._last_s[line] = now
        return True


def log_quietly() -> None:
    """Log warnings of ours and errors of the Kafka clients, each line once a minute at most."""
    handler = logging.StreamHandler()
    handler.addFilter(OnceAMinute())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
