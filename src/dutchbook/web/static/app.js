// The page's own hands: takes what the server pushes, keeps times current, and asks before it commands.
// Texts are set as text. Parts come as HTML that the server's templates have escaped, and the policy of the page runs no script
// but this file.
"use strict";
const root = document.documentElement;
const $ = (query, from = document) => from.querySelector(query);
const $$ = (query, from = document) => [...from.querySelectorAll(query)];

// -- theme ----------------------------------------------------------------------------------------------------------
const THEMES = ["auto", "dark", "light"];
function theme(name) {
  root.dataset.theme = name;
  try { localStorage.setItem("theme", name); } catch { /* private window */ }
  const button = $("[data-theme-switch]");
  if (button) button.textContent = "Theme: " + name;
}
let stored = "auto";
try { stored = localStorage.getItem("theme") || "auto"; } catch { /* private window */ }
theme(THEMES.includes(stored) ? stored : "auto");

// -- times ----------------------------------------------------------------------------------------------------------
function ago(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return s + " s";
  if (s < 7200) return Math.floor(s / 60) + " min";
  if (s < 172800) return Math.floor(s / 3600) + " h " + Math.floor((s % 3600) / 60) + " min";
  return Math.floor(s / 86400) + " d";
}
function clock(ms) {
  const at = new Date(ms), today = new Date().toDateString() === at.toDateString();
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  return today ? time : at.toLocaleDateString([], { month: "short", day: "numeric" }) + " " + time.slice(0, 5);
}
function times(from = document) {
  const now = Date.now();
  for (const node of $$("time[data-ns], time[data-iso]", from)) {
    const ms = node.dataset.ns ? Number(node.dataset.ns.slice(0, -6)) : Date.parse(node.dateTime);
    const text = "ago" in node.dataset ? ago(now - ms) : clock(ms);
    if (node.textContent !== text) node.textContent = text;
    if (!node.title) node.title = new Date(ms).toISOString();
  }
}
setInterval(times, 1000);

// -- parts: the new picture is laid over the old one, so that focus, scroll and open details stay -----------------------
function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) { old.replaceWith(fresh); return; }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) return;
  if (old.nodeName === "TIME") { if (old.outerHTML !== fresh.outerHTML) { attributes(old, fresh); } return; }
  attributes(old, fresh);
  children(old, fresh);
}
function attributes(old, fresh) {
  for (const { name, value } of [...fresh.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open" && name !== "title") old.removeAttribute(name);
  }
}
function children(old, fresh) {
  const keyed = new Map($$(":scope > [data-key]", old).map((node) => [node.dataset.key, node]));
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const key = next.nodeType === Node.ELEMENT_NODE ? next.dataset.key : undefined;
    const same = key === undefined ? undefined : keyed.get(key);
    if (same) {
      if (same === at) at = at.nextSibling; else old.insertBefore(same, at);
      morph(same, next);
    } else if (key === undefined && at && !(at.dataset && at.dataset.key)) {
      const place = at;
      at = at.nextSibling;
      morph(place, next);
    } else {
      old.insertBefore(next, at);
    }
  }
  while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
}
function draw(name, html) {
  const place = $(`[data-part="${name}"]`);
  if (!place) return;
  const fresh = place.cloneNode(false);
  const parsed = new DOMParser().parseFromString(html, "text/html");
  fresh.append(...parsed.body.childNodes);
  children(place, fresh);
  times(place);
}

// -- the table of bundles ----------------------------------------------------------------------------------------------
const table = $("[data-rows]"), rows = new Map(), filter = $("[data-filter]");
let order = null;
function match(row) {
  const word = filter ? filter.value.trim().toLowerCase() : "";
  row.hidden = word !== "" && !row.textContent.toLowerCase().includes(word);
}
function fill(row, tint, cells) {
  if (row.className !== tint) row.className = tint;
  cells.forEach((text, at) => {
    const cell = row.children[at] || row.appendChild(document.createElement("td"));
    if (cell.textContent !== text) cell.textContent = text;
  });
}
function take({ all, set, gone }) {
  const body = table.tBodies[0];
  const known = new Set(set.map(([key]) => key));
  for (const [key, row] of rows) if (gone.includes(key) || (all && !known.has(key))) { row.remove(); rows.delete(key); }
  for (const [key, tint, cells] of set) {
    let row = rows.get(key);
    if (!row) {
      row = document.createElement("tr");
      row.dataset.key = key;
      rows.set(key, row);
      body.appendChild(row);
    }
    fill(row, tint, cells);
    if (filter && filter.value) match(row);
  }
  const empty = $("[data-empty]");
  if (empty) empty.hidden = rows.size > 0;
}
function worth(row) {
  const text = row.children[order.column].textContent;
  const figure = parseFloat(text.replace("\u2212", "-").replace(/[^0-9.-]/g, ""));
  return [2, 5, 6].includes(order.column) ? (Number.isNaN(figure) ? -Infinity : figure) : text;
}
function sort() {
  const sorted = [...rows.values()].sort((a, b) => {
    const x = worth(a), y = worth(b);
    return (x < y ? -1 : x > y ? 1 : 0) * order.way;
  });
  table.tBodies[0].append(...sorted);
}
if (table) {
  for (const row of $$("tbody tr", table)) rows.set(row.dataset.key, row);
  table.tHead.addEventListener("click", (event) => {
    const button = event.target.closest("[data-sort]");
    if (!button) return;
    const column = Number(button.dataset.sort);
    order = { column, way: order && order.column === column ? -order.way : column === 2 || column > 4 ? -1 : 1 };
    for (const head of $$("th", table)) head.removeAttribute("aria-sort");
    button.parentElement.setAttribute("aria-sort", order.way > 0 ? "ascending" : "descending");
    sort();
  });
  filter.addEventListener("input", () => rows.forEach(match));
}

// -- push: open while the page is looked at ---------------------------------------------------------------------------
let source = null;
const offline = $(".offline");
function connected(yes) {
  if (yes === offline.hidden) return;
  offline.hidden = yes;
  if (!yes) $("[data-lost]").textContent = clock(Date.now());
}
function listen() {
  if (source || document.hidden) return;
  source = new EventSource(`/push/${root.dataset.page}?about=${encodeURIComponent(root.dataset.about)}`);
  source.addEventListener("part", (event) => { const told = JSON.parse(event.data); draw(told.name, told.html); });
  source.addEventListener("rows", (event) => { if (table) take(JSON.parse(event.data)); });
  source.onopen = () => connected(true);
  source.onerror = () => {
    connected(false);
    if (source && source.readyState === EventSource.CLOSED) {
      source = null;
      // the server is another now, or nobody is signed in: look, and go to the door if so
      fetch("/api/v1/system").then((answer) => {
        if (answer.status === 401) location.assign("/login?to=" + encodeURIComponent(location.pathname));
        else setTimeout(listen, 1000);
      }).catch(() => setTimeout(listen, 1000));
    }
  };
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden && source) { source.close(); source = null; } else listen();
});
addEventListener("pagehide", () => { if (source) { source.close(); source = null; } });
addEventListener("pageshow", listen);

// -- commands -----------------------------------------------------------------------------------------------------------
function toast(text, good) {
  const node = document.createElement("p");
  node.className = good ? "good" : "bad";
  node.textContent = text;
  $(".toasts").append(node);
  setTimeout(() => node.remove(), good ? 6000 : 15000);
}
// what went wrong, or nothing
async function command(url, body, method = "POST") {
  try {
    const answer = await fetch(url, {
      method,
      headers: { "Content-Type": "application/json", "X-Dutchbook-Proof": $("meta[name=proof]").content },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const told = await answer.json();
    const text = answer.ok ? told.text : typeof told.detail === "string" ? told.detail : "the request was refused";
    toast(text, answer.ok);
    return answer.ok ? "" : text;
  } catch {
    const text = "The server does not answer: nothing is known to be done. Use `dutchbook stop` on the machine.";
    toast(text, false);
    return text;
  }
}
function failed(dialog, text) {
  const old = $(".failed", dialog);
  if (old) old.remove();
  if (!text) return;
  const node = document.createElement("p");
  node.className = "failed";
  node.setAttribute("role", "alert");
  node.textContent = text;
  $("form", dialog).append(node);
}
let asked = {};
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.open) {
    const dialog = document.getElementById(button.dataset.open);
    asked = { ...button.dataset };
    $("form", dialog).reset();
    failed(dialog, "");
    if (dialog.id === "start") {
      $("[data-why]", dialog).textContent = asked.why;
      $("[data-loss]", dialog).hidden = !asked.why.startsWith("daily loss");
    } else if (dialog.id === "ask") {
      $("h2", dialog).textContent = asked.title;
      $("[data-text]", dialog).textContent = asked.text;
      $("[data-reason]", dialog).hidden = !asked.reason;
    }
    dialog.showModal();
  } else if ("close" in button.dataset) {
    button.closest("dialog").close();
  } else if (button.dataset.do) {
    event.preventDefault();
    const dialog = button.closest("dialog"), form = $("form", dialog);
    button.disabled = true;
    let wrong = "";
    if (button.dataset.do === "stop") {
      wrong = await command("/api/v1/commands/stop", { then: form.then.value, reason: form.reason.value });
    } else if (button.dataset.do === "start") {
      wrong = await command("/api/v1/commands/start", { confirm: form.confirm.checked, seen: Number(asked.seen) });
    } else {
      const body = asked.body ? { ...JSON.parse(asked.body), ...(asked.reason ? { reason: form.reason.value } : {}) } : undefined;
      wrong = await command(asked.url, body);
    }
    button.disabled = false;
    // a dialog that goes away looks like a thing done
    failed(dialog, wrong);
    if (!wrong) dialog.close();
  } else if ("themeSwitch" in button.dataset) {
    theme(THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length]);
  } else if ("logout" in button.dataset) {
    await fetch("/api/v1/session", { method: "DELETE" });
    location.assign("/login");
  }
});

// On a phone the menu is wider than the screen: the page one is on is brought into sight.
const menu = $(".menu"), here = $(".menu [aria-current]");
if (menu && here) menu.scrollLeft = here.offsetLeft - (menu.clientWidth - here.offsetWidth) / 2;
times();
listen();
