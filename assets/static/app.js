// Small things all pages share: toasts, copying, confirmations, menus, relative times, forms. Every page works without them.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const MENUS = "details.wb-menu[open], details[data-menu][open]";

  // Toasts ----------------------------------------------------------------------------------------------------------
  const ICONS = { ok: "circle-check", warn: "alert-triangle", bad: "alert-circle" };

  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", `${$(".wb-toasts").dataset.sprite}#${name}`);
    svg.append(use);
    return svg;
  }

  function armToast(toast) {
    const close = document.createElement("button");
    close.type = "button";
    close.className = "wb-x";
    close.title = $(".wb-toasts").dataset.close;
    close.setAttribute("aria-label", close.title);
    close.append(icon("x"));
    close.addEventListener("click", () => toast.remove());
    toast.append(close);
    if (toast.dataset.tone === "bad") return; // what went wrong stays until it is put away
    let timer = 0;
    const start = () => (timer = setTimeout(() => toast.remove(), 6000));
    toast.addEventListener("pointerenter", () => clearTimeout(timer));
    toast.addEventListener("pointerleave", start);
    toast.addEventListener("focusin", () => clearTimeout(timer));
    start();
  }

  // toast("Saved.", "ok"): tones ok, busy, warn, bad.
  function toast(text, tone = "ok") {
    const box = document.createElement("div");
    const words = document.createElement("span");
    box.className = `wb-toast tone-${tone}`;
    box.dataset.tone = tone;
    words.textContent = text;
    box.append(icon(ICONS[tone] || "info-circle"), words);
    $(".wb-toasts").append(box);
    armToast(box);
  }

  // Relative times --------------------------------------------------------------------------------------------------
  const relative = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { numeric: "auto" });
  const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];

  function ago(date) {
    const seconds = Math.round((date - Date.now()) / 1000);
    for (const [unit, size] of UNITS) {
      if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
    }
    return relative.format(0, "second");
  }

  function tellTimes(root = document) {
    for (const time of $$("time[data-relative]", root)) {
      const date = new Date(time.dateTime);
      if (!Number.isNaN(+date)) time.textContent = ago(date);
    }
  }

  // Counters --------------------------------------------------------------------------------------------------------
  function count(field) {
    const counter = field.id && $(`[data-counter-for="${CSS.escape(field.id)}"]`);
    if (!counter) return;
    const length = [...field.value].length;
    const max = Number(counter.dataset.counterMax || 0);
    const format = new Intl.NumberFormat(document.documentElement.lang);
    counter.textContent = max ? `${format.format(length)} / ${format.format(max)}` : format.format(length);
    counter.classList.toggle("is-over", Boolean(max) && length > max);
  }

  // Confirmations ---------------------------------------------------------------------------------------------------
  const confirmed = new WeakSet();

  function ask(form, submitter) {
    const dialog = $("#confirm");
    const yes = $('[value="yes"]', dialog);
    $("h2", dialog).textContent = form.dataset.confirm;
    $("p", dialog).textContent = form.dataset.confirmBody || "";
    yes.textContent = form.dataset.confirmButton || submitter?.textContent.trim() || "OK";
    yes.className = `btn btn-${form.dataset.confirmTone || "danger"}`;
    dialog.returnValue = "no";
    dialog.onclose = () => {
      if (dialog.returnValue !== "yes") return;
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name: "confirmed", value: "1" });
      form.append(field);
      confirmed.add(form);
      form.requestSubmit(submitter);
    };
    for (const menu of $$(MENUS)) menu.open = false;
    dialog.showModal();
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.confirm && !confirmed.delete(form)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      ask(form, event.submitter);
      return;
    }
    const button = event.submitter;
    if (form.method !== "post" || !button || "download" in form.dataset) return; // a download leaves the page as it is
    if (button.getAttribute("aria-busy") === "true") return event.preventDefault();
    button.setAttribute("aria-busy", "true"); // not `disabled`: its name and value must still be sent
  }, true);

  // Coming back with the browser's button must not find a dead form.
  addEventListener("pageshow", () => $$("[aria-busy=true]").forEach((button) => button.removeAttribute("aria-busy")));
  document.addEventListener("htmx:afterRequest", () => $$("button[aria-busy=true]").forEach((b) => b.removeAttribute("aria-busy")));

  // Clicks ----------------------------------------------------------------------------------------------------------
  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      const area = document.createElement("textarea"); // plain http on a network has no clipboard API
      area.value = button.dataset.copy;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    toast(button.dataset.copied || "✓", "ok");
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
    for (const menu of $$(MENUS)) if (!menu.contains(event.target)) menu.open = false;
    if (event.target.id === "confirm") event.target.close("no"); // the backdrop
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of $$(MENUS)) {
        menu.open = false;
        $("summary", menu).focus();
      }
    }
    const field = event.target;
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && field.matches?.("[data-enter-sends]")) {
      event.preventDefault();
      field.form.requestSubmit($("[type=submit]", field.form));
    }
  });

  // Fields ----------------------------------------------------------------------------------------------------------
  document.addEventListener("input", (event) => count(event.target));

  document.addEventListener("change", (event) => {
    const field = event.target;
    const name = field.closest("[data-drop]")?.querySelector("[data-drop-name]");
    if (name && field.files?.length) name.textContent = [...field.files].map((file) => file.name).join(", ");
    if (field.matches("form[data-autosubmit] select")) field.form.requestSubmit();
  });

  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.target.closest?.("[data-drop]")?.classList.toggle("is-over", kind === "dragenter" || kind === "dragover");
    });
  }

  // Parts that came later (htmx, live) go through here too.
  function prepare(root = document) {
    tellTimes(root);
    $$("textarea[id], input[id]", root).forEach(count);
    $$("[data-scroll-end]", root).forEach((box) => (box.scrollTop = box.scrollHeight));
  }

  $$(".wb-toast").forEach(armToast);
  for (const link of $$("[data-focus] a[href^='#']")) {
    const words = document.getElementById(link.hash.slice(1))?.labels?.[0]?.firstChild?.textContent.trim();
    if (words) link.prepend(`${words}: `); // "This field is needed." three times would not tell which
  }
  $("[data-focus]")?.focus();
  prepare();
  setInterval(tellTimes, 60000);
  document.addEventListener("htmx:afterSettle", (event) => prepare(event.detail.elt.parentElement || document));
  window.box = { toast, prepare };
})();
