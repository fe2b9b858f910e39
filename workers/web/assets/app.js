// Keeps the part of a page fresh that changes while it is looked at. Without this script every page works; it is
// then as old as it was when it was opened.
"use strict";
(() => {
  const part = document.querySelector("[data-live]");
  const pulse = document.getElementById("pulse");
  if (!part) return;
  const EVERY_MS = 1000, MOST_MS = 15000, GIVE_UP_MS = 20000;
  let wait = EVERY_MS, last = part.innerHTML;

  const address = () => {
    const url = new URL(location.href);
    url.searchParams.set("live", "1");
    url.hash = "";
    return url;
  };

  // Whoever works with the keyboard keeps their place when the part is replaced.
  const replace = (text) => {
    const at = document.activeElement;
    const link = part.contains(at) ? at.getAttribute("href") : null;
    const scrolled = [...part.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
    part.innerHTML = text;
    [...part.querySelectorAll(".scroll")].forEach((one, n) => { one.scrollLeft = scrolled[n] || 0; });
    if (link) {
      const again = [...part.querySelectorAll("a[href]")].find((one) => one.getAttribute("href") === link);
      if (again) again.focus({ preventScroll: true });
    }
  };

  const look = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(address(), { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(GIVE_UP_MS) });
        if (!answer.ok) throw new Error(answer.status);
        const text = await answer.text();
        // Nor does anybody lose what they choose or write.
        const busy = part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
        if (text !== last && !busy) { replace(text); last = text; }
        wait = EVERY_MS;
        pulse.textContent = "live";
      } catch {
        wait = Math.min(wait * 2, MOST_MS);
        pulse.textContent = "the server does not answer; trying again";
      }
      if (part.querySelector("[data-done]")) { pulse.textContent = ""; return; }
    }
    setTimeout(look, wait);
  };
  if (!part.querySelector("[data-done]")) setTimeout(look, EVERY_MS);
})();
