"""GB/T 28181 device ids: 20 digits, 11 to 13 of which say what kind of device it is."""

from pipeline.site.problems import Both, Findings
from pipeline.site.tables import Node

_CAMERAS = ("131", "132")
_OTHERS = {
    "111": Both("DVR", "DVR"),
    "118": Both("NVR", "NVR"),
    "134": Both("alarm input", "报警输入"),
    "200": Both("platform", "中心服务器"),
}


def check_gb_id(row: Node, value: str | int | None, found: Findings) -> str | None:
    """`value` as a GB/T 28181 camera id; what is wrong with it is noted."""
    if value is None:
        return None
    spot = row.spot("gb_device_id")
    text = str(value)
    if isinstance(value, int) or len(text) != 20 or not (text.isascii() and text.isdigit()):
        digits = sum(character.isdigit() for character in text)
        shown = text if isinstance(value, int) else f'"{text}"'
        found.add("R005", spot, value=shown, digits=digits)
    elif text[10:13] not in _CAMERAS:
        other = _OTHERS.get(text[10:13])
        meaning = Both(f" ({other.en})", f"（{other.zh}）") if other else ""
        found.add("R006", spot, type=text[10:13], meaning=meaning)
    return text
