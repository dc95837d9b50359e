// The researcher's page: how far the study is, and a button that ends it.
"use strict";
history.replaceState(null, "", location.pathname);
const told = document.getElementById("told");
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const socket = new WebSocket(`${scheme}//${location.host}/desk/socket`);
socket.addEventListener("message", (event) => {
  told.replaceChildren();
  for (const [name, value] of Object.entries(JSON.parse(event.data))) {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    text.textContent = String(value);
    told.append(term, text);
  }
});
const button = document.getElementById("end");
let asked = false;
button.addEventListener("click", () => {
  if (asked) socket.send("end");
  asked = true;
  button.textContent = asked ? "Really end it" : "End the study";
});
