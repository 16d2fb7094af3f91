"""A site for time lines, by code: three cities on one map, and a corner of it for each story."""

import json
from pathlib import Path

DEMO = Path(__file__).parents[2] / "deploy" / "demo"
SIDE = 0.003  # degrees, some 300 m: what each leaf grid measures, a little apart from the next

PIDU = "510117001003"
PLAZA = f"{PIDU}001001"
KERBS = (f"{PIDU}002001", f"{PIDU}002002")
BLOCKS = tuple(f"{PIDU}005{n:03d}" for n in range(1, 16))
STREETS = tuple(f"{PIDU}007{n:03d}" for n in range(1, 11))
LETTERS = f"{PIDU}008001"
ZEDANG = "54050200100108"
SARE = tuple(f"540502001002{n:02d}" for n in range(1, 27))
MIAOPU = "410103001001001001"

GATES = ("cam-gate-1", "cam-gate-2", "cam-gate-3")
COUNTER, KERB, NEW_VILLAGE = "counter-plaza", "cam-kerb", "cam-new-village"
SOCKETS = tuple(f"socket-{n:02d}" for n in range(1, 16))

_ABOVE = (
    ("city", "510100", "成都市"),
    ("district", "510117", "郫都区"),
    ("street", "510117001", "示例街道"),
    ("community", PIDU, "示例社区"),
    *(("grid", f"{PIDU}{n:03d}", f"第{n}网格") for n in (1, 2, 5, 7, 8)),
    ("city", "540500", "山南市"),
    ("district", "540502", "乃东区"),
    ("street", "540502001", "泽当街道"),
    ("community", "540502001001", "泽当社区"),
    ("community", "540502001002", "萨热社区"),
    ("city", "410100", "郑州市"),
    ("district", "410103", "二七区"),
    ("street", "410103001", "苗圃街道"),
    ("community", "410103001001", "苗圃社区"),
    ("grid", "410103001001001", "第一网格"),
)
_PLACES = {
    "pl-plaza": ("中心广场", PLAZA),
    "pl-kerb-1": ("小学北门", KERBS[0]),
    "pl-kerb-2": ("小学南门", KERBS[1]),
    "pl-new-village": ("泽当新村", ZEDANG),
    **{f"pl-{id_}": (f"{n}号楼配电箱", BLOCKS[n - 1]) for n, id_ in enumerate(SOCKETS, 1)},
}
# (id, number, grids, substitute): each grid has one, and those of a story have names of their own.
_OFFICERS = (
    ("plaza-21", "21", PLAZA, "kerb-07"),
    ("kerb-07", "07", KERBS[0], "kerb-11"),
    ("kerb-11", "11", KERBS[1], ""),
    *((f"block-{n:02d}", f"{n:02d}", code, "kerb-07") for n, code in enumerate(BLOCKS, 1)),
    ("pidu-31", "31", f"{PIDU}007;{PIDU}008", "kerb-07"),
    ("zedang-08", "08", ZEDANG, "sare-01"),
    ("sare-01", "01", ";".join(SARE), ""),
    ("erqi-03", "03", MIAOPU, "plaza-21"),
)
_LOOKS = """
[[camera]]
id = "{id}"
name = "{id}"
video = "clip.mp4"
start = 2026-06-01T00:00:00+08:00
sample_fps = 1.0
"""
_ZONE = """
[[camera.zones]]
id = "{place}"
event = "{event}"
place = "{place}"
polygon = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
params = {params}
"""
_SENSOR = """
[[sensor]]
id = "{id}"
name = "{id}"
datastream = "{event_measure}"
unit = "{unit}"
event = "{event}"
detector = "measured"
place = "{place}"
"""


def centre(code: str) -> tuple[float, float]:
    """Longitude and latitude (WGS84) of the middle of a leaf grid."""
    west, south = _corner(code)
    return round(west + SIDE / 2, 6), round(south + SIDE / 2, 6)


def leaves() -> tuple[str, ...]:
    """The codes of all leaf grids."""
    return (PLAZA, *KERBS, *BLOCKS, *STREETS, LETTERS, ZEDANG, *SARE, MIAOPU)


def make_estate(folder: Path, bootstrap: str, metrics_port: int) -> Path:
    """The site in `folder`; its catalogue is the demo's, with a wait for the third camera."""
    (folder / "cameras").mkdir(parents=True)
    (folder / "clip.mp4").touch()
    rows = (DEMO / "catalogue.toml").read_text("utf-8")
    waiting = rows.replace("group_wait_s = 0 ", "group_wait_s = 4 ")
    assert waiting != rows
    texts = {
        "catalogue.toml": waiting,
        "deadlines.toml": 'profile = "zhenhai"\n',
        "gridalert.toml": _settings(bootstrap, metrics_port),
        "map.geojsonl": "\n".join(_map()),
        "officers.csv": _roster(),
        "sensors.toml": _sensors(),
        "cameras/all.toml": _cameras(),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def _settings(bootstrap: str, metrics_port: int) -> str:
    return f"""
tenant = "estate"
source_uri = "urn:gridalert:estate"
levels = {{ street = "一级网格", community = "二级网格", grid = "三级网格" }}  # as Zhengzhou says

[kafka]
bootstrap_servers = "{bootstrap}"

[evidence]
folder = "../evidence"

[worker]
tick_s = 0                # the stories are past: the clock of today would hurry them on
max_clock_skew_s = 1e9    # nor are their readings too old; 2099 is still in the future
metrics_port = {metrics_port}
"""


def _corner(code: str) -> tuple[float, float]:
    n = leaves().index(code)
    west, south = {"5": (103.88, 30.80), "54": (91.76, 29.23), "4": (113.63, 34.72)}[
        "54" if code.startswith("54") else code[0]
    ]
    return west + 0.0035 * (n % 10), south + 0.0035 * (n // 10)


def _square(code: str) -> dict[str, object]:
    west, south = _corner(code)
    ring = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
    corners = [[round(west + SIDE * x, 6), round(south + SIDE * y, 6)] for x, y in ring]
    return {"type": "Polygon", "coordinates": [corners]}


def _map() -> list[str]:
    above = {code: level for level, code, _ in _ABOVE}

    def parent(code: str) -> str:
        """The longest code that this one begins with; a city's ends in 00."""
        begun = [one for one in above if one != code and code.startswith(one)]
        return max(begun, key=len, default=f"{code[:4]}00")

    def line(geometry: object, **properties: str) -> str:
        feature = {"type": "Feature", "properties": properties, "geometry": geometry}
        return json.dumps(feature, ensure_ascii=False)

    lines = [
        line(None, level=level, code=code, name=name, **_in(level != "city" and parent(code)))
        for level, code, name in _ABOVE
    ]
    for code in leaves():
        level = "micro_grid" if above[parent(code)] == "grid" else "grid"
        called = f"第{int(code[-3:])}微网格" if level == "micro_grid" else f"第{int(code[-2:])}网格"
        lines.append(line(_square(code), level=level, code=code, name=called, parent=parent(code)))
    for id_, (name, code) in _PLACES.items():
        point = {"type": "Point", "coordinates": list(centre(code))}
        lines.append(line(point, level="place", id=id_, name=name, parent=code))
    return lines


def _in(parent: str | bool) -> dict[str, str]:
    return {"parent": parent} if isinstance(parent, str) else {}


def _roster() -> str:
    rows = ["id,number,role,grids,terminal_id,substitute,duty"]
    for id_, number, grids, substitute in _OFFICERS:
        rows.append(f"{id_},{number},grid_officer,{grids},term-{id_},{substitute},24h")
    return "\n".join([*rows, f"desk,00,duty_desk,{PIDU},term-desk,,24h"])


def _sensors() -> str:
    counter = _SENSOR.format(
        id=COUNTER, event="crowding", event_measure="people_count", unit="1", place="pl-plaza"
    )
    leak = {"event": "residual_current", "event_measure": "residual_current", "unit": "mA"}
    return counter + "".join(_SENSOR.format(id=id_, place=f"pl-{id_}", **leak) for id_ in SOCKETS)


def _cameras() -> str:
    def zones(event: str, params: str, *places: str) -> str:
        return "".join(_ZONE.format(place=place, event=event, params=params) for place in places)

    fire_lane = "{ dwell_s = 60 }"
    looks = {
        **{id_: zones("crowding", "{ min_people = 5 }", "pl-plaza") for id_ in GATES},
        KERB: zones("illegal_parking", fire_lane, "pl-kerb-1", "pl-kerb-2"),
        NEW_VILLAGE: zones("illegal_parking", fire_lane, "pl-new-village"),
    }
    return "".join(_LOOKS.format(id=id_) + zones_of for id_, zones_of in looks.items())
