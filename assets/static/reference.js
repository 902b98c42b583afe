// The API reference: opens the operation that the address names, and filters operations by what is typed.
(() => {
  "use strict";
  const field = document.querySelector("[data-ref-filter]");
  const chapters = document.querySelector("[data-ref-chapters]");
  const groups = [...document.querySelectorAll("[data-ref-group]")];
  const none = document.querySelector("[data-ref-none]");
  const texts = new Map([...document.querySelectorAll("[data-ref-text]")].map((one) => [one.dataset.refItem, one.dataset.refText]));

  function open() {
    const found = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!found) return;
    found.closest("details")?.setAttribute("open", "");
    found.scrollIntoView();
  }

  function filter() {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (one) => words.every((word) => texts.get(one.dataset.refItem).includes(word));
    let shown = 0;
    for (const group of groups) {
      const items = [...group.querySelectorAll("[data-ref-item]")];
      for (const item of items) item.hidden = !fits(item);
      const left = items.filter((item) => !item.hidden).length;
      group.hidden = words.length > 0 && left === 0;
      shown += left;
    }
    chapters.hidden = words.length > 0;
    none.hidden = shown > 0;
  }

  addEventListener("hashchange", open);
  field?.addEventListener("input", filter);
  // A link to what the filter hides, or to a part that is open already, must still lead there.
  document.querySelector(".wb-ref-nav")?.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link && link.hash === location.hash) open();
  });
  open();
})();
