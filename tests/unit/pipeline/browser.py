"""A real Chromium, spoken to over a pipe by the DevTools protocol."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_KEYS = {"Enter": 13, "Escape": 27, "Delete": 46, " ": 32, "ArrowDown": 40, "ArrowRight": 39}


class Page:
    """One page. What it logs as an error, or throws, is in `errors`."""

    def __init__(self, to: int, answers: int) -> None:
        self._to, self._answers, self._last = to, os.fdopen(answers, "rb"), 0
        self._session: dict[str, str] = {}
        self.errors: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """Ends the browser too."""
        self._session = {}
        self.call("Browser.close")
        os.close(self._to)
        self._answers.close()

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """What the browser answers."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params, **self._session}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._last:
                assert "error" not in answer, (method, answer)
                return answer["result"]
            if answer["method"] in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.errors.append(json.dumps(answer["params"], ensure_ascii=False))

    def _read(self) -> dict[str, Any]:
        parts = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "the browser has ended"
            parts += byte
        return json.loads(parts)

    def open(self, path: Path, width: int, height: int, *, mobile: bool = False) -> None:
        """A file, on a screen of that size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Emulation.setTouchEmulationEnabled", enabled=mobile)
        self.call("Page.navigate", url=path.resolve().as_uri())
        loaded = "document.readyState === 'complete' ? r() : addEventListener('load', () => r())"
        self.run(f"new Promise((r) => {{ {loaded} }})")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def mouse(self, kind: str, x: float, y: float, clicks: int = 1) -> None:
        """`kind`: Pressed, Moved or Released, in pixels of the screen."""
        held = {"buttons": 1} if kind != "Released" else {}
        button = {"type": f"mouse{kind}", "x": x, "y": y, "button": "left", "clickCount": clicks}
        self.call("Input.dispatchMouseEvent", **button, **held)

    def click(self, x: float, y: float, clicks: int = 1) -> None:
        """A real press and release."""
        self.mouse("Pressed", x, y, clicks)
        self.mouse("Released", x, y, clicks)

    def touch(self, *way: tuple[float, float]) -> None:
        """A finger: down at the first spot, along the others, up at the last."""
        for index, (x, y) in enumerate(way):
            kind = "touchMove" if index else "touchStart"
            self.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def key(self, name: str) -> None:
        """A key, where the focus is."""
        text = {"text": name} if len(name) == 1 else {}
        code = {"key": name, "windowsVirtualKeyCode": _KEYS.get(name, 0)}
        self.call("Input.dispatchKeyEvent", type="keyDown", **code, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **code)

    def screenshot(self, path: Path, **options: Any) -> None:
        """What is on the screen."""
        answer = self.call("Page.captureScreenshot", **options)
        path.write_bytes(base64.b64decode(answer["data"]))


@contextmanager
def chromium(folder: Path) -> Iterator[Page]:
    """A fresh browser whose profile is in `folder`."""
    to_browser, to = os.pipe()
    answers, from_browser = os.pipe()
    flags = f"--headless --no-sandbox --disable-gpu --user-data-dir='{folder}'"
    command = f'exec "$0" {flags} --remote-debugging-pipe 3<&{to_browser} 4>&{from_browser}'
    with subprocess.Popen(
        ["bash", "-c", command, str(CHROMIUM)],
        pass_fds=(to_browser, from_browser),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(to_browser)
        os.close(from_browser)
        try:
            page = Page(to, answers)
            yield page
            page.close()
        finally:
            process.kill()
