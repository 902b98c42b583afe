// Live numbers: one event stream for the whole page, open only while it is looked at.
// An element says data-live="topic" and data-live-src="/partial": its content is fetched again, at most once a second,
// when the topic speaks. Other code listens to the DOM event `live:<topic>` (detail = the event's data).
(() => {
  "use strict";
  const PAUSE = 1000;
  const timers = new WeakMap();
  const last = new WeakMap();
  let stream = null;
  let listening = "";
  let retry = 0;
  let retryTimer = 0;

  const parts = () => [...document.querySelectorAll("[data-live]")];
  const topicsOf = (part) => part.dataset.live.split(/[\s,]+/).filter(Boolean);

  // The new content, without taking the keyboard away from the link or button that had it.
  function swap(part, html) {
    const held = part.contains(document.activeElement) ? document.activeElement : null;
    const same = (one) => one.id === held.id && one.getAttribute("href") === held.getAttribute("href") && one.textContent === held.textContent;
    part.innerHTML = html;
    window.htmx?.process(part);
    window.box?.prepare(part);
    if (held) [...part.querySelectorAll(held.tagName)].find(same)?.focus({ preventScroll: true });
  }

  const parsed = (html) => Object.assign(document.createElement("template"), { innerHTML: html }).innerHTML;

  async function refresh(part) {
    timers.delete(part);
    last.set(part, Date.now());
    if (!part.isConnected || part.contains(document.activeElement?.closest("form, details[open]"))) return later(part);
    let answer;
    try {
      answer = await fetch(part.dataset.liveSrc, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
    } catch {
      return; // offline: the stream's return fetches again
    }
    if (!answer.ok || answer.redirected) return;
    const html = await answer.text();
    if (parsed(html) === part.innerHTML) return; // leaves a button alone that is being pressed
    swap(part, html);
    part.dispatchEvent(new CustomEvent("live:swapped", { bubbles: true }));
    open();
  }

  function later(part) {
    if (!part.isConnected || !part.dataset.liveSrc || timers.has(part)) return;
    const wait = Math.max(0, (last.get(part) || 0) + PAUSE - Date.now());
    timers.set(part, setTimeout(() => refresh(part), wait));
  }

  function heard(topic, event) {
    let detail = null;
    try {
      detail = event.data ? JSON.parse(event.data) : null;
    } catch {
      return;
    }
    document.dispatchEvent(new CustomEvent(`live:${topic}`, { detail }));
    for (const part of parts()) if (topicsOf(part).includes(topic)) later(part);
  }

  function stop() {
    clearTimeout(retryTimer);
    stream?.close();
    stream = null;
    listening = "";
  }

  function failed() {
    if (stream?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    stop();
    retryTimer = setTimeout(open, Math.min(30000, 1000 * 2 ** retry++) * (0.75 + Math.random() / 2));
  }

  function open() {
    const topics = [...new Set(parts().flatMap(topicsOf))].sort();
    const wanted = topics.join(",");
    if (wanted === listening && stream) return;
    stop();
    if (!wanted || document.hidden) return;
    listening = wanted;
    stream = new EventSource(`/live?topics=${encodeURIComponent(wanted)}`);
    stream.addEventListener("open", () => {
      retry = 0;
      parts().forEach(later); // something may have been missed: since the page was made, or while no stream was open
    });
    stream.addEventListener("error", failed);
    for (const topic of topics) stream.addEventListener(topic, (event) => heard(topic, event));
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : open()));
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => event.persisted && open());
  document.addEventListener("htmx:afterSettle", open);
  open();
})();
