"""Sentences about cameras and sensors (R), the grid map (G) and officers (O)."""

PLACE_WORDS = {
    "R001": (
        (
            "{owner}, point {n} ({x}, {y}) is outside the picture",
            "points are fractions from 0 to 1 of the picture, origin top left{pixels}",
            "{correction}",
        ),
        (
            "{owner}，第 {n} 点 ({x}, {y}) 在画面之外",
            "坐标应为画面宽高的 0 到 1 之间的比例，原点在左上角{pixels}",
            "{correction}",
        ),
    ),
    "R002": (
        (
            "{owner} crosses itself between points {a}–{b} and {c}–{d}",
            "what is inside it is not certain",
            "give the points in the order in which you would walk round it",
        ),
        ("{owner}的第 {a}–{b} 边与第 {c}–{d} 边相交", "无法判定内外", "请按绕行顺序排列各点"),
    ),
    "R003": (
        (
            "{owner} covers {percent} % of the picture",
            "the smallest allowed is 0.1 %",
            "draw it larger",
        ),
        ("{owner}只占画面的 {percent}%", "最小为 0.1%", "请画大一些"),
    ),
    "R004": (
        (
            '{kind} id "{id}" is used twice; first at {first}',
            "an id means one thing",
            "give one of them another id",
        ),
        ("{kind}编号“{id}”重复，首次出现在 {first}", "一个编号只能表示一个对象", "请更换其一"),
    ),
    "R005": (
        (
            "gb_device_id {value} has {digits} digits",
            "GB/T 28181 ids have 20 digits and are text",
            "write all 20 digits in quotes",
        ),
        (
            "gb_device_id {value} 有 {digits} 位数字",
            "GB/T 28181 编码为 20 位，且是文本",
            "请写全 20 位并加引号",
        ),
    ),
    "R006": (
        (
            "gb_device_id type digits 11–13 are {type}{meaning}",
            "a camera has 131 or 132",
            "give the channel's id, not that of the recorder or platform",
        ),
        (
            "gb_device_id 第 11–13 位类型码是 {type}{meaning}",
            "摄像机应为 131 或 132",
            "请填写通道编码，而不是录像机或平台的编码",
        ),
    ),
    "R007": (
        ('event "{event}" is not in the catalogue', "no rule says when it is one", "{hint}"),
        ("事件“{event}”不在目录中", "没有规则判定它", "{hint}"),
    ),
    "R009": (
        (
            "{owner}: ({x}, {y}) lies outside the map",
            "positions are (longitude, latitude) in WGS84 degrees",
            "{correction}",
        ),
        (
            "{owner}：({x}, {y}) 在地图之外",
            "坐标应为 WGS84 的（经度, 纬度），单位度",
            "{correction}",
        ),
    ),
    "R010": (
        (
            'place "{place}" says grid {grid} but lies in grid {other}, {metres} m from {grid}',
            "its alerts would go to the wrong officer",
            "correct parent or the position (GCJ-02 read as WGS84 shifts it by about 400 m)",
        ),
        (
            "地点“{place}”写的是网格 {grid}，实际位于网格 {other}，距 {grid} {metres} 米",
            "告警会派给错误的网格员",
            "请改正 parent 或坐标（把 GCJ-02 当作 WGS84 会偏移约 400 米）",
        ),
    ),
    "R011": (
        (
            '"{key}" holds a password',
            "files of a site are copied and shown",
            "take it out of the URL; passwords belong in the environment",
        ),
        ("“{key}”含有密码", "站点文件会被复制和展示", "请从地址中删除，密码应放在环境变量中"),
    ),
    "R012": (
        (
            'place "{place}" is in grid {a} (at {first}) and in grid {b}',
            "a place has one grid",
            "remove one, or give it an id of its own",
        ),
        (
            "地点“{place}”既属于网格 {a}（{first}），又属于网格 {b}",
            "一个地点只属于一个网格",
            "请删除其一或另取编号",
        ),
    ),
    "R013": (
        (
            '"{key}" is "{value}", and there is no such {kind}',
            'camera "{camera}" would have no pictures',
            "put it there, or correct the path: it is relative to the site's folder",
        ),
        (
            "“{key}”为“{value}”，但不存在",
            "摄像机“{camera}”将没有画面",
            "请放入该文件，或改正路径（相对于站点目录）",
        ),
    ),
    "R014": (
        (
            'camera "{camera}" has {both} of video and frames',
            "its pictures come from one of them",
            "give video (a file) or frames (a folder of pictures)",
        ),
        (
            "摄像机“{camera}”的 video 和 frames 应只有一个",
            "画面只能来自其中之一",
            "请给出 video（文件）或 frames（图片目录）",
        ),
    ),
    "R015": (
        (
            '{owner} has the place "{place}", which is not on the map',
            "an alert without a place has no grid and no officer",
            "{hint}",
        ),
        ("{owner}的地点“{place}”不在地图上", "没有地点就没有网格和网格员", "{hint}"),
    ),
    "R016": (
        ("{owner} has {n} points", "a polygon has 3 to 64", "draw it again"),
        ("{owner}有 {n} 个点", "多边形应有 3 到 64 个点", "请重新绘制"),
    ),
    "R017": (
        (
            'sensor "{sensor}" measures in "{unit}" but event "{event}" is ruled in "{wanted}"',
            "its thresholds would mean something else",
            "convert at the sensor, or correct the unit",
        ),
        (
            "传感器“{sensor}”的单位是“{unit}”，事件“{event}”的规则单位是“{wanted}”",
            "阈值含义会改变",
            "请在传感器侧换算，或改正单位",
        ),
    ),
    "R018": (
        (
            "{owner}: points {a} and {b} are the same",
            "the last point is joined to the first by itself",
            "remove one of them",
        ),
        ("{owner}的第 {a} 点与第 {b} 点相同", "末点会自动与首点相连", "请删除其一"),
    ),
    "G001": (
        (
            '{level} code "{code}" does not begin with its parent\'s, "{parent}"',
            "consumers select districts and streets by the front of the code",
            "correct code or parent",
        ),
        (
            "{level}编码“{code}”不以上级编码“{parent}”开头",
            "下游按编码前缀筛选区县和街道",
            "请改正 code 或 parent",
        ),
    ),
    "G002": (
        (
            "grids {a} and {b} overlap by {area} m² (tolerance 1 m²); {b} is at {other}",
            "a spot there would have two officers",
            "make them share one border",
        ),
        (
            "网格 {a} 与 {b} 重叠 {area} 平方米（容差 1 平方米）；{b} 在 {other}",
            "重叠处会有两个网格员",
            "请使两者共用一条边界",
        ),
    ),
    "G004": (
        ("the polygon of {code} {fault}", "what lies inside it is not certain", "{todo}"),
        ("{code} 的多边形{fault}", "无法判定内外", "{todo}"),
    ),
    "G006": (
        (
            '{level} "{code}" lies in "{parent}", which {fault}',
            "a {level} lies in a {wanted}",
            "correct parent; {hint}",
        ),
        (
            "{level}“{code}”的上级“{parent}”{fault}",
            "{level}的上级应为{wanted}",
            "请改正 parent；{hint}",
        ),
    ),
    "G007": (
        (
            "grid {code} has no polygon",
            "no place or report can be found in it",
            "add a geometry of type Polygon",
        ),
        ("网格 {code} 没有多边形", "无法判定地点或上报位于其中", "请添加 Polygon 几何"),
    ),
    "O001": (
        (
            "grid {code} ({name}) has no grid_officer",
            "nobody would get its alerts",
            "add {code} to the grids of one grid_officer in officers.csv",
        ),
        (
            "网格 {code}（{name}）没有专职网格员 grid_officer",
            "其告警无人接收",
            "请在 officers.csv 中把 {code} 写入一名 grid_officer 的 grids",
        ),
    ),
    "O002": (
        (
            'grid {code} has two grid_officers "{a}", "{b}"',
            "one is allowed (一格一员)",
            "take the grid from one of them, or change that one's role",
        ),
        (
            "网格 {code} 有两名专职网格员“{a}”“{b}”",
            "一格一员",
            "请删除其一的该网格，或更改其角色",
        ),
    ),
    "O003": (
        (
            'substitute "{id}" of officer "{officer}" is unknown',
            "substitutes are named by the id column; ids and numbers are text",
            "{hint}",
        ),
        (
            "网格员“{officer}”的替班人“{id}”不存在",
            "替班人用 id 列填写，编号是文本",
            "{hint}",
        ),
    ),
    "O004": (
        (
            "substitute chain {chain} is a loop",
            "it would end with nobody",
            "leave the substitute of one of them empty",
        ),
        ("替班链 {chain} 成环", "最终无人处理", "请清空其中一人的替班人"),
    ),
    "O005": (
        (
            'officer "{officer}" has grid "{code}", which is not on the map',
            "a grid that is not there has no alerts",
            "{hint}",
        ),
        ("网格员“{officer}”的网格“{code}”不在地图上", "不存在的网格没有告警", "{hint}"),
    ),
    "O006": (
        (
            'officer "{officer}" has no substitute',
            "when off duty nobody takes over",
            "name one in the substitute column",
        ),
        ("网格员“{officer}”没有替班人", "不当班时无人接替", "请在 substitute 列填写"),
    ),
}
