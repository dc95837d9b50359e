// Shapes of a game as SVG: [kind, id, x, y, w, h, role, label], by the place of their middle.
"use strict";
const SVG = "http://www.w3.org/2000/svg";

function made(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
}

function starPoints(w, h) {
  const points = [];
  for (let i = 0; i < 10; i += 1) {
    const angle = (i * Math.PI) / 5 - Math.PI / 2;
    const reach = i % 2 ? 0.45 : 1;
    points.push(`${((w / 2) * reach * Math.cos(angle)).toFixed(2)},${((h / 2) * reach * Math.sin(angle)).toFixed(2)}`);
  }
  return points.join(" ");
}

// How far the share of a belief is lifted, by id, so that those of neighbours do not lie on each other.
function lifts(shapes, size) {
  const bars = [...shapes].filter(([kind, , , , , , role, label]) => kind === "rect" && role === "belief" && label);
  bars.sort((a, b) => a[2] - b[2]);
  const found = new Map();
  const placed = [];
  for (const [, id, x, y, , h] of bars) {
    const low = y - h / 2;
    let at = low;
    const hits = () => placed.find(([px, py]) => Math.abs(px - x) < 2.5 * size && Math.abs(py - at) < size);
    for (let hit = hits(); hit; hit = hits()) at = Math.min(at - 1, hit[1] - size);
    placed.push([x, at]);
    found.set(id, low - at);
  }
  return found;
}

function drawn(shape, least, lift) {
  const [kind, id, x, y, w, h, role, label] = shape;
  const group = made("g", { class: "shape", "data-id": id });
  group.style.transform = `translate(${x}px, ${y}px)`;
  const look = { class: `s-${role}` };
  if (kind === "rect") group.append(made("rect", { ...look, x: -w / 2, y: -h / 2, width: w, height: h, "data-id": id }));
  if (kind === "circle") group.append(made("ellipse", { ...look, rx: w / 2, ry: h / 2 }));
  if (kind === "star") group.append(made("polygon", { ...look, points: starPoints(w, h) }));
  if (kind === "triangle") group.append(made("polygon", { ...look, points: `0,${-h / 2} ${-w / 2},${h / 2} ${w / 2},${h / 2}` }));
  if (kind === "cross") {
    group.append(made("line", { ...look, x1: -w / 2, x2: w / 2, y1: 0, y2: 0 }));
    group.append(made("line", { ...look, y1: -h / 2, y2: h / 2, x1: 0, x2: 0 }));
  }
  if (label) {
    const size = Math.max(kind === "text" ? h : 12, least);
    const above = kind === "rect" && role === "belief" ? -h / 2 - size * 0.6 - lift : 0;
    group.append(made("text", { class: `s-${role}`, "text-anchor": "middle", "dominant-baseline": "central", y: above, "font-size": size }, label));
  }
  return group;
}

// The part of the picture that is used: a row of cells needs no whole screen.
function frameOf(shapes) {
  let [left, top, right, bottom] = [1e9, 1e9, -1e9, -1e9];
  for (const [kind, , x, y, w, h, role] of shapes) {
    const wide = kind === "text" ? Math.max(w, 60) : w;
    const room = role === "belief" ? 20 : 0;
    left = Math.min(left, x - wide / 2); right = Math.max(right, x + wide / 2);
    top = Math.min(top, y - h / 2 - room); bottom = Math.max(bottom, y + h / 2);
  }
  return [left - 8, top - 8, right - left + 16, bottom - top + 16];
}

class Picture {
  constructor(layout) {
    this.base = new Map(layout.shapes.map((shape) => [shape[1], shape]));
    this.svg = made("svg", { role: "img", "aria-hidden": "true" });
    this.groups = new Map();
    let frame = frameOf(layout.shapes);
    const isRow = layout.shapes.some((s) => s[6] === "cell") && frame[3] < 220;
    if (isRow) frame = [frame[0], 128, frame[2], 262]; // room for beliefs of any height, so that nothing jumps
    this.frame = frame;
    this.svg.setAttribute("viewBox", frame.join(" "));
  }

  show(view) {
    const shapes = new Map(this.base);
    for (const name of view.gone) shapes.delete(name);
    for (const shape of view.shapes) shapes.set(shape[1], shape);
    const width = this.svg.getBoundingClientRect().width || 800;
    const least = (12 * this.frame[2]) / width; // 12 pixels, however small the picture
    const lifted = lifts(shapes.values(), Math.max(12, least));
    for (const [name, group] of this.groups) if (!shapes.has(name)) { group.remove(); this.groups.delete(name); }
    for (const [name, shape] of shapes) {
      const known = this.groups.get(name);
      const lift = lifted.get(name) || 0;
      const text = JSON.stringify([...shape, lift]);
      if (known && known.told === text) continue;
      const fresh = drawn(shape, least, lift);
      fresh.told = text;
      if (known) known.replaceWith(fresh); else this.svg.append(fresh);
      this.groups.set(name, fresh);
    }
  }
}
