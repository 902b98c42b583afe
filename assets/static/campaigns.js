// The form of a campaign: variables are inserted where the cursor is, the counter follows the type.
(() => {
  "use strict";
  const form = document.querySelector("[data-campaign-form]");
  if (!form) return;
  const body = form.querySelector("#body");
  const counter = form.querySelector('[data-counter-for="body"]');

  function insert(text) {
    body.focus();
    body.setRangeText(text, body.selectionStart, body.selectionEnd, "end");
    body.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function measure() {
    const type = form.querySelector("[name=type]:checked")?.value;
    if (counter) counter.dataset.counterMax = type === "image" ? "1024" : "4096";
    body.dispatchEvent(new Event("input", { bubbles: true }));
  }

  form.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-insert]");
    if (chip) insert(chip.dataset.insert);
  });
  form.addEventListener("change", (event) => event.target.name === "type" && measure());
  measure();
})();
