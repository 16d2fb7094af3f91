"use strict";
// The core: what is drawn, what is wrong with it, and its TOML. It knows no page.
// A shape: {key, kind: zone | exclude | windows | charging | mask | ground, closed, points: [[x, y], ...] in
// fractions}; a zone has id, event, place, params and rest (keys of the file that this page leaves as they are),
// a polygon of PARTS `of` (its zone's key), the ground metres.
// Every text is [English, Chinese], as in words.toml.

const PARTS = ["exclude", "windows", "charging"]; // of a zone
const round4 = (value) => Math.round(Math.min(1, Math.max(0, value)) * 1e4) / 1e4;
const pair = (make) => [make(0), make(1)];
const fill = (words, facts) => pair((i) => words[i].replace(/\{(\w+)\}/g, (_, name) =>
  Array.isArray(facts[name]) ? facts[name][i] : String(facts[name])));

function shapesOf(data) {
  const shapes = [];
  const add = (kind, points, more = {}) => {
    shapes.push({ key: shapes.length + 1, kind, closed: true, points: points.map((p) => [...p]), ...more });
    return shapes.length;
  };
  for (const { id, event, place, polygon, params = {}, ...rest } of data.zones) {
    const of = add("zone", polygon, { id, event, place, params: { ...params }, rest });
    for (const part of PARTS) {
      for (const points of rest[part] ?? []) add(part, points, { of });
      delete rest[part];
    }
  }
  data.privacy_masks.forEach((mask) => add("mask", mask));
  if (data.ground) add("ground", data.ground.points, { metres: data.ground.metres.map((m) => [...m]) });
  return shapes;
}

// ---- what is wrong, in the words of `gridalert check`

const cross = (a, b, c) => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
const within = (a, b, p) => Math.min(a[0], b[0]) <= p[0] && p[0] <= Math.max(a[0], b[0])
  && Math.min(a[1], b[1]) <= p[1] && p[1] <= Math.max(a[1], b[1]);
const areaOf = (points) => Math.abs(points.reduce((sum, [x, y], i) => {
  const [u, v] = points[(i + 1) % points.length];
  return sum + x * v - u * y;
}, 0)) / 2;

// Sides a-b and c-d touch. Whole numbers (ten thousandths of the picture) make this exact.
function touch(a, b, c, d) {
  const [p, q, r, s] = [cross(a, b, c), cross(a, b, d), cross(c, d, a), cross(c, d, b)].map(Math.sign);
  if (p !== q && r !== s) return true;
  return !p && !q && (within(a, b, c) || within(a, b, d) || within(c, d, a)); // all four in a line
}

// The numbers, from 1, of the ends of the first two sides that cross or lie on each other.
function crossing(points) {
  const whole = points.map((p) => p.map((v) => Math.round(v * 1e4)));
  const n = whole.length;
  for (let i = 0; i < n; i += 1) {
    for (let j = i + 1; j < n; j += 1) {
      const [a, b, c, d] = [whole[i], whole[(i + 1) % n], whole[j], whole[(j + 1) % n]];
      // Neighbours share a point; they lie on each other where they go back the way they came.
      const [x, y, z] = j === i + 1 ? [a, b, d] : [b, a, c];
      const back = cross(x, y, z) === 0 && (x[0] - y[0]) * (z[0] - y[0]) + (x[1] - y[1]) * (z[1] - y[1]) > 0;
      if (j === i + 1 || (i === 0 && j === n - 1) ? back : touch(a, b, c, d)) {
        return { a: i + 1, b: (i + 1) % n + 1, c: j + 1, d: (j + 1) % n + 1 };
      }
    }
  }
  return null;
}

const isFlat = (three) => {
  const side = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
  const longest = Math.max(side(three[0], three[1]), side(three[0], three[2]), side(three[1], three[2]));
  return 2 * areaOf(three) <= 0.01 * longest ** 2;
};

// The problems of each shape: Map from key to [[what, why, todo], ...].
function faultsOf(shapes, data) {
  const { problem, say } = data.words;
  const camera = data.camera.id;
  const seen = new Map();
  const numbers = {};
  const polygonFault = (owner, points) => {
    const first = points.findIndex((p, i) => points.slice(0, i).some((q) => q[0] === p[0] && q[1] === p[1]));
    if (points.length < 3 || points.length > data.most_points) return ["R016", { owner, n: points.length }];
    if (first > 0) {
      const same = points.findIndex((q) => q[0] === points[first][0] && q[1] === points[first][1]);
      return ["R018", { owner, a: same + 1, b: first + 1 }];
    }
    const crossed = crossing(points);
    if (crossed) return ["R002", { owner, ...crossed }];
    const area = areaOf(points);
    return area < data.smallest ? ["R003", { owner, percent: (area * 100).toFixed(3) }] : null;
  };
  const ownerOf = (shape) => {
    if (shape.kind === "zone") return fill(say.zone, { camera, zone: shape.id });
    if (shape.kind === "mask") return fill(say.camera, { camera });
    const zone = shapes.find((other) => other.key === shape.of);
    return zone ? ownerOf(zone) : ["", ""];
  };
  const zoneFaults = (shape) => {
    const found = [];
    const missing = (key) => ["F005", { key, expected: say.str }];
    if (!/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/.test(shape.id)) found.push(["F007", { key: "id", value: `"${shape.id}"`, must: say.id }]);
    else if (seen.has(shape.id)) found.push(["R004", { kind: fill(say.camera_zone, { camera }), id: shape.id, first: seen.get(shape.id) }]);
    else seen.set(shape.id, `#${seen.size + 1}`);
    for (const key of ["event", "place"]) if (!shape[key]) found.push(missing(key));
    return found;
  };
  return new Map(shapes.map((shape) => {
    const points = shape.points.map((p) => p.map(round4));
    const n = numbers[shape.kind + shape.of] = (numbers[shape.kind + shape.of] || 0) + 1;
    let found = [];
    if (shape.kind === "ground") {
      const threes = (all) => all.map((_, i) => all.filter((_p, j) => j !== i));
      for (const key of ["points", "metres"]) {
        const four = key === "points" ? points : shape.metres;
        if (shape.closed && threes(four).some(isFlat)) found.push(["R024", { camera, key }]);
      }
    } else {
      if (shape.kind === "zone") found = zoneFaults(shape);
      const name = shape.kind === "mask" ? say.privacy_masks : PARTS.includes(shape.kind) && say[shape.kind];
      const owner = name ? fill(name, { owner: ownerOf(shape), n }) : ownerOf(shape);
      const fault = polygonFault(owner, points);
      if (fault) found.push(fault);
    }
    return [shape.key, found.map(([code, facts]) => ["what", "why", "todo"].map((part) => fill(problem[code][part], facts)))];
  }));
}

// ---- TOML

const bare = (key) => (/^[A-Za-z0-9_-]+$/.test(key) ? key : toml(key));
function toml(value) {
  // JSON's escapes are TOML's, but for U+007F, which JSON leaves as it is.
  if (typeof value === "string") return JSON.stringify(value).replace(/\x7f/g, "\\u007F");
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (value && typeof value === "object") {
    return `{ ${Object.entries(value).map(([key, item]) => `${bare(key)} = ${toml(item)}`).join(", ")} }`;
  }
  return String(value);
}
const fractions = (points) => `[${points.map((p) => `[${p.map((v) => round4(v).toFixed(4)).join(", ")}]`).join(", ")}]`;
const polygons = (key, list) => `${key} = [\n${list.map((shape) => `  ${fractions(shape.points)},\n`).join("")}]`;

// What stands under [[camera]], in the order that TOML asks for: keys, tables, arrays of tables.
function tomlOf(shapes) {
  const closed = shapes.filter((shape) => shape.closed);
  const of = (kind) => closed.filter((shape) => shape.kind === kind);
  const blocks = [];
  if (of("mask").length) blocks.push(polygons("privacy_masks", of("mask")));
  for (const { points, metres } of of("ground")) {
    blocks.push(`[camera.ground]\npoints = ${fractions(points)}\nmetres = ${toml(metres)}`);
  }
  for (const zone of of("zone")) {
    const lines = ["id", "event", "place"].map((key) => `${key} = ${toml(zone[key])}`);
    lines.push(`polygon = ${fractions(zone.points)}`);
    for (const part of PARTS) {
      const own = of(part).filter((shape) => shape.of === zone.key);
      if (own.length) lines.push(polygons(part, own));
    }
    if (Object.keys(zone.params).length) lines.push(`params = ${toml(zone.params)}`);
    for (const [key, value] of Object.entries(zone.rest)) lines.push(`${bare(key)} = ${toml(value)}`);
    blocks.push(`[[camera.zones]]\n${lines.join("\n")}`);
  }
  return blocks.join("\n\n") + "\n";
}
