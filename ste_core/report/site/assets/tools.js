// The Tools page: show the tools whose text has every word that is searched for.
"use strict";
{
  const form = document.getElementById("find");
  const tools = [...document.querySelectorAll("section.tool")].map((one) => [one, one.textContent.toLowerCase()]);
  const show = () => {
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const [section, text] of tools) {
      section.hidden = !words.every((word) => text.includes(word));
      shown += !section.hidden;
    }
    document.getElementById("count").textContent = `${shown} of ${tools.length} tools`;
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
}
