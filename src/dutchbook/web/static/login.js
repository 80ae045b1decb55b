// The door: exchanges the token for a cookie. The token may stand behind the # of the address, which is never sent or logged.
"use strict";
const form = document.getElementById("login"), said = document.getElementById("said");

// Only an address of this page, never another site: read as the browser reads it, which leaves tabs and line ends out.
function target(to) {
  try {
    const url = new URL(to, location.origin);
    return url.origin === location.origin ? url.href : "/";
  } catch {
    return "/";
  }
}

async function enter(token) {
  said.textContent = "";
  try {
    const answer = await fetch("/api/v1/session", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }),
    });
    if (answer.ok) {
      location.replace(target(new URLSearchParams(location.search).get("to") || "/"));
      return;
    }
    const told = await answer.json();
    said.textContent = typeof told.detail === "string" ? told.detail : "this is not the token";
  } catch {
    said.textContent = "the server does not answer";
  }
}

form.addEventListener("submit", (event) => { event.preventDefault(); enter(form.token.value.trim()); });
function fromAddress() {
  const token = decodeURIComponent(location.hash.slice(1));
  if (!token) return;
  history.replaceState(null, "", location.pathname + location.search);
  enter(token);
}
addEventListener("hashchange", fromAddress);
fromAddress();
