// Shows what others change as it changes, and leaves alone what is being typed.
"use strict";

const refresh = async (live) => {
  let fresh = null;
  try {
    const answer = await fetch(live.dataset.from, { cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    fresh = answer.ok ? page.getElementById("live") : null;
  } catch {
    // The site is away: what is shown is marked as old until it is back.
  }
  live.classList.toggle("old", fresh === null);
  if (fresh === null || fresh.innerHTML === live.innerHTML) return;
  live.innerHTML = fresh.innerHTML;
  for (const field of document.querySelectorAll("[data-shows]")) {
    const value = fresh.dataset[field.dataset.shows];
    if (field !== document.activeElement && field.value === field.dataset.shown) {
      field.value = value;
      field.dataset.shown = field.value;
    }
  }
};

const live = document.getElementById("live");
for (const field of document.querySelectorAll("[data-shows]")) field.dataset.shown = field.value;
if (live) setInterval(() => refresh(live), 1000);

// Choosing somebody is enough.
for (const field of document.querySelectorAll("[data-sends]")) {
  field.addEventListener("change", () => field.form.requestSubmit());
  field.form.querySelector("button").hidden = true;
}

// A comment half written outlives the other forms.
const comment = document.querySelector("textarea");
if (comment) {
  const key = `comment ${location.pathname}`;
  const kept = sessionStorage.getItem(key);
  if (kept) comment.value = kept;
  sessionStorage.removeItem(key);
  document.addEventListener("submit", (event) => {
    if (!event.target.contains(comment)) sessionStorage.setItem(key, comment.value);
  });
}
