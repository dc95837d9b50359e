// A game on the page: its picture, its buttons and keys; every action carries its device and two times of this clock.
"use strict";

class Play {
  constructor(game, words, send) {
    this.game = game; this.words = words; this.send = send;
    this.shown = null; this.open = false; this.seq = 0; this.timers = [];
    this.root = document.createElement("div");
    this.root.className = `game ${game.task}`;
    this.root.style.cssText = "display:flex;flex-direction:column;flex:1;min-height:0";
    const head = this.add(this.root, "div", "head");
    const goal = this.add(head, "p", "goal");
    if (game.practice) this.add(goal, "span", "badge").textContent = words.practice;
    goal.append(game.goal);
    this.count = this.add(head, "p", "count");
    this.bar = this.add(this.add(this.root, "div", "bar"), "div", "");
    this.bar.parentElement.hidden = true;
    this.stage = this.add(this.root, "div", "stage");
    this.picture = new Picture(game.layout);
    this.stage.append(this.picture.svg);
    this.controls = this.add(this.root, "div", "controls");
    if (game.legal.choices) this.buttons(game.legal.choices);
    if (game.legal.point) this.pointing(game.legal.point);
    if (game.legal.cells) this.cells(game.legal.cells);
  }

  add(parent, name, look) {
    const element = document.createElement(name);
    if (look) element.className = look;
    parent.append(element);
    return element;
  }

  word(key, n) { return this.words[key].replace("{n}", n); }

  buttons(choices) {
    const isCross = choices.some((one) => one.place === "up");
    if (isCross) this.controls.classList.add("cross");
    else if (choices.length > 5) this.controls.classList.add("many");
    this.keys = new Map();
    for (const choice of choices) {
      const button = this.add(this.controls, "button", "");
      button.type = "button";
      button.append(choice.label);
      const key = choice.keys[0];
      if (key && key !== choice.label) {
        const sign = { ArrowLeft: "\u2190", ArrowRight: "\u2192", ArrowUp: "\u2191", ArrowDown: "\u2193", " ": "\u2423" }[key] || key;
        const hint = this.add(button, "span", "key");
        hint.textContent = sign;
        hint.setAttribute("aria-hidden", "true");
      }
      if (isCross) button.style.gridArea = choice.place;
      let device = "mouse";
      button.addEventListener("pointerdown", (event) => { device = event.pointerType || "mouse"; });
      button.addEventListener("click", (event) => this.act(choice.value, event.detail === 0 ? "key" : device, event));
      for (const name of choice.keys) this.keys.set(name, choice.value);
    }
  }

  pointing(point) {
    const svg = this.picture.svg;
    this.eye = [500, 300];
    const hole = made("circle", { class: "window", r: 46, cx: 500, cy: 300 });
    this.hole = hole;
    const half = point.size / 2;
    const place = (event) => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return [at.x, at.y];
    };
    this.look = (event, device) => {
      const clip = (x) => Math.max(-1, Math.min(1, x));
      const both = [clip((this.eye[0] - 500) / half), clip((this.eye[1] - 300) / half)];
      this.act(both.slice(0, point.dimension), device, event);
    };
    svg.addEventListener("pointermove", (event) => this.aim(place(event)));
    svg.addEventListener("pointerup", (event) => { this.aim(place(event)); this.look(event, event.pointerType || "mouse"); });
  }

  aim(at) {
    this.eye = [Math.max(230, Math.min(770, at[0])), Math.max(30, Math.min(570, at[1]))];
    this.hole.setAttribute("cx", this.eye[0]);
    this.hole.setAttribute("cy", this.eye[1]);
  }

  cells(count) {
    this.stage.classList.add("cells");
    this.chosen = 0; this.many = count;
    this.picture.svg.addEventListener("pointerup", (event) => {
      const name = event.target.getAttribute("data-id") || "";
      if (name.startsWith("cell-")) this.act(Number(name.slice(5)), event.pointerType || "mouse", event);
    });
  }

  mark(step) {
    this.chosen = Math.max(0, Math.min(this.many - 1, this.chosen + step));
    this.stage.querySelectorAll(".s-cell").forEach((cell) => cell.classList.toggle("chosen", cell.getAttribute("data-id") === `cell-${this.chosen}`));
  }

  // True if the key was one of the game's.
  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return false;
    const name = event.key === "Spacebar" ? " " : event.key;
    if (this.keys && this.keys.has(name)) {
      if (!event.repeat) this.act(this.keys.get(name), "key", event);
      return true;
    }
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[name];
    if (this.hole) {
      const size = event.shiftKey ? 1 : 10;
      if (steps) this.aim([this.eye[0] + steps[0] * size, this.eye[1] + steps[1] * size]);
      else if (name === "Enter") { if (!event.repeat) this.look(event, "key"); }
      else return false;
      return true;
    }
    if (this.many) {
      if (steps) this.mark(steps[0] || steps[1] * 1);
      else if (name === "Enter") { if (!event.repeat) this.act(this.chosen, "key", event); }
      else return false;
      return true;
    }
    return false;
  }

  act(value, device, event) {
    if (!this.open) return;
    this.open = false;
    this.send({ type: "action", seq: this.seq, value, device, client_t: event.timeStamp, client_shown: this.shown });
  }

  effect(message) { if (message.view) { this.picture.show(message.view); this.say(message.view); } }

  say(view) { document.getElementById("say").textContent = view.say; }

  state(message) {
    this.seq = message.seq;
    const view = message.view;
    const wait = view.wait || 0;
    this.shown = null;
    if (wait > 0 && message.legal) this.pause(wait, () => this.reveal(message)); else this.reveal(message);
  }

  reveal(message) {
    const view = message.view;
    this.picture.show(view);
    if (this.hole) this.picture.svg.append(this.hole);
    const told = [this.word("round", message.round + 1)];
    if (view.left !== undefined) told.push(this.word("moves", view.left));
    this.count.textContent = message.legal ? told.join(" \u00b7 ") : this.words.wait;
    this.say(view);
    this.controls.querySelectorAll("button").forEach((button) => { button.disabled = !message.legal; });
    if (!message.legal) return;
    requestAnimationFrame(() => { this.shown = performance.now(); });
    this.open = true;
  }

  // The time until the next item, as a thin bar.
  pause(seconds, then) {
    const begun = performance.now();
    const box = this.bar.parentElement;
    box.hidden = false;
    const tick = () => {
      const share = (performance.now() - begun) / (seconds * 1000);
      this.bar.style.width = `${Math.min(100, 100 * share)}%`;
      if (share < 1) { this.timers.push(setTimeout(tick, 50)); } else { box.hidden = true; then(); }
    };
    tick();
  }

  close() { this.open = false; this.timers.forEach(clearTimeout); }
}
