// The page of a study: it shows what the server says and sends what the person means; the server owns the state.
"use strict";
const WORDS = JSON.parse(document.documentElement.dataset.words);
const KEY = "taskloom-session";
const main = document.getElementById("main");
const trouble = document.getElementById("trouble");
const footer = document.getElementById("footer");
const progress = document.getElementById("progress");
let socket = null;
let seq = 0;
let play = null;
let held = [];
let holding = false;
let waitBefore = 250;
let isOver = false;
let trips = [];

const ids = {};
for (const [name, value] of new URLSearchParams(location.search)) {
  if (name !== "token" && Object.keys(ids).length < 8) ids[name.slice(0, 40)] = value.slice(0, 200);
}
// The key leaves the address, and with it the history of the browser.
history.replaceState(null, "", location.pathname);

function send(message) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(`${scheme}//${location.host}/socket`);
  socket.addEventListener("open", () => {
    const pointer = matchMedia("(pointer: fine)").matches ? "fine" : matchMedia("(pointer: coarse)").matches ? "coarse" : "none";
    const hello = { type: "hello", v: 1, size: [innerWidth, innerHeight], dpr: devicePixelRatio, pointer, ids };
    const session = localStorage.getItem(KEY);
    if (session) hello.session = session;
    held = []; holding = false;
    send(hello);
  });
  socket.addEventListener("message", (event) => { held.push(JSON.parse(event.data)); drain(); });
  socket.addEventListener("close", (event) => {
    if (play) play.close();
    if (event.code === 4002) { trouble.textContent = WORDS.elsewhere; return; }
    if (event.code === 4001 || event.code === 1008 || isOver) return;
    trouble.textContent = event.code === 1011 ? WORDS.unsaved : WORDS.lost;
    setTimeout(connect, waitBefore);
    waitBefore = Math.min(5000, waitBefore * 2);
  });
}

function drain() { while (held.length && !holding) take(held.shift()); }

function take(message) {
  if (message.type === "welcome") {
    waitBefore = 250;
    trouble.textContent = "";
    localStorage.setItem(KEY, message.session);
    seq = message.seq;
    [progress.value, progress.max] = message.progress;
  } else if (message.type === "page") {
    showPage(message);
  } else if (message.type === "game") {
    begin(message);
  } else if (message.type === "state") {
    seq = message.seq;
    if (play) play.state(message);
  } else if (message.type === "effect") {
    seq = Math.max(seq, message.seq + 1);
    if (play) play.effect(message);
  } else if (message.type === "end") {
    progress.value += 1;
    over(message);
  } else if (message.type === "wait") {
    clear("text");
    const note = document.createElement("p");
    note.textContent = WORDS.wait;
    main.append(note);
  } else if (message.type === "pong") {
    trips = [...trips, [performance.now() - message.t, message.s - (performance.now() + message.t) / 2]].sort((a, b) => a[0] - b[0]).slice(0, 5);
  } else if (message.type === "error") {
    trouble.textContent = message.text;
    if (play && message.code !== "closed") play.open = true;
    const button = main.querySelector("button.main");
    if (button) button.disabled = false;
  }
}

function clear(look) {
  if (play) { play.close(); play = null; }
  main.className = look;
  main.replaceChildren();
  trouble.textContent = "";
}

function begin(message) {
  clear("play");
  play = new Play(message, WORDS, send);
  main.append(play.root);
  main.focus({ preventScroll: true });
  drawFooter();
}

function over(message) {
  holding = true;
  if (play) { play.open = false; play.controls.replaceChildren(); play.controls.className = "controls"; }
  const note = document.createElement("p");
  note.className = "over";
  note.textContent = WORDS.ended.replace("{n}", message.rounds);
  const button = document.createElement("button");
  button.type = "button"; button.className = "main"; button.textContent = WORDS.continue;
  button.addEventListener("click", () => { holding = false; drain(); }, { once: true });
  const place = play ? play.controls : main;
  place.append(note, button);
  document.getElementById("say").textContent = note.textContent;
  button.focus({ preventScroll: true });
}

function showPage(message) {
  clear("text");
  const text = document.createElement("div");
  text.innerHTML = message.html; // made by the server, which escapes every text of the study
  main.append(text);
  isOver = message.kind === "thanks";
  if (isOver) {
    progress.value = progress.max;
    localStorage.removeItem(KEY);
    footer.replaceChildren();
    main.focus();
    return;
  }
  const form = document.createElement("form");
  form.noValidate = true;
  for (const field of message.fields) form.append(asked(field));
  const button = document.createElement("button");
  button.className = "main"; button.textContent = WORDS.continue;
  form.append(button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = answers(form, message.fields);
    if (!values) return;
    button.disabled = true;
    progress.value += 1;
    send({ type: "answer", seq, page: message.id, values });
  });
  main.append(form);
  main.focus();
  scrollTo(0, 0);
  drawFooter();
}

function asked(field) {
  const box = document.createElement("fieldset");
  box.dataset.id = field.id;
  const options = { choice: field.options, agree: [field.ask], scale: numbers(field) }[field.kind];
  const title = document.createElement("legend");
  title.textContent = field.ask;
  if (field.kind !== "agree") box.append(title);
  if (options) {
    const list = document.createElement("div");
    list.className = field.kind === "scale" ? "options scale" : "options";
    options.forEach((option, i) => {
      const label = document.createElement("label");
      const input = document.createElement("input");
      input.type = field.kind === "agree" ? "checkbox" : "radio";
      input.name = field.id;
      input.value = field.kind === "scale" ? option : i;
      const words = document.createElement("span");
      words.textContent = option;
      label.append(input, words);
      list.append(label);
    });
    box.append(list);
  } else {
    const input = document.createElement(field.kind === "text" ? "textarea" : "input");
    if (field.kind === "number") { input.type = "number"; input.min = field.low; input.max = field.high; input.step = "any"; input.inputMode = "decimal"; }
    else { input.maxLength = 2000; input.rows = 4; }
    input.name = field.id;
    input.setAttribute("aria-label", field.ask);
    box.append(input);
  }
  const note = document.createElement("p");
  note.className = "missing"; note.hidden = true; note.textContent = WORDS.missing; note.setAttribute("role", "alert");
  box.append(note);
  return box;
}

function numbers(field) {
  const found = [];
  for (let value = field.low; value <= field.high && found.length < 101; value += 1) found.push(value);
  return found;
}

// The answers by field, or null if one is missing; the first that is missing gets the focus.
function answers(form, fields) {
  const values = {};
  let first = null;
  for (const field of fields) {
    const box = form.querySelector(`[data-id="${field.id}"]`);
    const input = box.querySelector("input, textarea");
    const picked = box.querySelector("input:checked");
    let value = null;
    if (field.kind === "agree") value = input.checked;
    else if (field.kind === "choice" || field.kind === "scale") value = picked ? Number(picked.value) : null;
    else if (field.kind === "number") value = input.value === "" ? null : Number(input.value);
    else value = input.value.trim() === "" ? null : input.value;
    const low = field.kind === "number" && value !== null && (value < field.low || value > field.high);
    const missing = (value === null && field.required) || low;
    box.querySelector(".missing").hidden = !missing;
    if (missing && !first) first = input;
    if (value !== null) values[field.id] = value;
  }
  if (first) first.focus();
  return first ? null : values;
}

function drawFooter() {
  const button = document.createElement("button");
  button.type = "button"; button.textContent = WORDS.withdraw;
  button.addEventListener("click", () => {
    const sure = document.createElement("span");
    sure.textContent = `${WORDS.sure} `;
    const [yes, no] = [document.createElement("button"), document.createElement("button")];
    yes.type = no.type = "button";
    yes.textContent = WORDS.yes; no.textContent = WORDS.no;
    yes.addEventListener("click", () => send({ type: "withdraw" }));
    no.addEventListener("click", drawFooter);
    footer.replaceChildren(sure, yes, no);
    no.focus();
  });
  footer.replaceChildren(button);
}

addEventListener("keydown", (event) => {
  const isTyping = event.target.closest && event.target.closest("input, textarea, footer");
  if (play && !isTyping && !holding && play.key(event)) event.preventDefault();
});
// A key that made a move must not press the button that has the focus as well.
addEventListener("keyup", (event) => {
  if (play && !holding && event.key === " " && play.keys && play.keys.has(" ")) event.preventDefault();
});
for (const kind of ["blur", "focus"]) addEventListener(kind, () => send({ type: "note", kind, client_t: performance.now() }));
let resizing = 0;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => send({ type: "note", kind: "resize", client_t: performance.now(), size: [innerWidth, innerHeight] }), 200);
});
setInterval(() => send({ type: "ping", t: performance.now() }), 5000);
connect();
