// What both browsing pages use. Text of models and tools only ever becomes text nodes: `element` knows no HTML.
"use strict";
const STE = {};

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) made.setAttribute(key, value);
  made.append(...children.flat().filter((child) => child !== null));
  return made;
}

// Fill a <select> with [value, label] pairs; keeps the choice if it is still there, else takes the wanted or first one.
function choices(select, pairs, wanted) {
  const keep = [wanted, select.value].find((one) => pairs.some(([value]) => value === one));
  select.replaceChildren(...pairs.map(([value, label]) => element("option", { value }, label)));
  if (keep !== undefined) select.value = keep;
}

// The state of the form stands in the address, so that a reader can link to what is shown.
function remembered() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

function remember(form) {
  history.replaceState(null, "", "#" + new URLSearchParams(new FormData(form)));
}
