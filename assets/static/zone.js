// Proposes what the browser knows: its time zone, and the country of its language. Only where nothing was chosen before.
(() => {
  "use strict";
  const propose = (field, value) => {
    if (field && value && [...field.options].some((option) => option.value === value)) field.value = value;
  };
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const region = navigator.languages.map((tag) => (tag.match(/-([A-Z]{2})\b/) || [])[1]).find(Boolean);
  propose(document.querySelector("select[data-guess=zone]"), zone);
  propose(document.querySelector("select[data-guess=region]"), region);
})();
