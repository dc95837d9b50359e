// Keeps the page of a running run up to date. Without this script every page works, and is renewed by reloading.
"use strict";

(function () {
  const place = document.getElementById("live");
  if (!place || place.dataset.live !== "1") return;
  const events = new EventSource("live");
  let dirty = false;
  let busy = false;
  let last = "";

  async function renew() {
    if (busy || !dirty || document.hidden) return;
    busy = true;
    dirty = false;
    try {
      const answer = await fetch(location.pathname, { credentials: "same-origin" });
      if (answer.ok) replace(await answer.text());
    } finally {
      busy = false;
    }
  }

  function replace(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    // Keep what the reader opened; everything else is as the server says.
    const open = [...document.querySelectorAll("details")].map((item) => item.open);
    for (const id of ["live", "content"]) {
      const old = document.getElementById(id);
      const now = fresh.getElementById(id);
      if (old && now) old.replaceWith(document.adoptNode(now));
    }
    const contents = fresh.querySelector("nav[aria-label=Contents]");
    const shown = document.querySelector("nav[aria-label=Contents]");
    if (contents && shown) shown.replaceWith(document.adoptNode(contents));
    document.querySelectorAll("details").forEach((item, index) => { item.open = Boolean(open[index]); });
  }

  events.onmessage = (event) => {
    const news = JSON.parse(event.data);
    const status = news.status;
    const line = document.querySelector("#progress span");
    if (line) line.textContent = news.progress;
    const state = `${status} ${news.metrics} ${news.log} ${news.reading}`;
    // At the first event too: the run may have gone on since the page was made. Progress alone renews its line, not the page.
    if (state !== last) dirty = true;
    last = state;
    if (status !== "running" && status !== "created" && !news.reading) events.close();
    renew();
  };
  document.addEventListener("visibilitychange", renew);
  setInterval(renew, 2000);
})();
