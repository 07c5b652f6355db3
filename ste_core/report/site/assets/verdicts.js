// The page of changed verdicts: filters over one table, which turns into cards on a narrow screen.
"use strict";
STE.verdicts = (rows) => {
  const form = document.getElementById("choose");
  const fields = form.elements;
  const word = (value) => (value === 1 ? "right" : value === 0 ? "wrong" : "none");
  for (const row of rows) {
    row.system = `${row.system}, ${row.setting}`;
    row.change = `stored ${word(row.stored)}, ` + (row.rule === row.stored ? "right as identical to gold" : `rule ${word(row.rule)}`);
  }
  const filters = ["system", "api", "judged_by", "change"];
  const columns = [["system", "System"], ["api", "API"], ["query", "Query"], ["gold", "Gold"], ["prediction", "Prediction"],
    ["judged_by", "Judged by"], ["change", "Change"]];

  function draw() {
    remember(form);
    const text = fields.text.value.toLowerCase();
    const shown = rows.filter(
      (row) =>
        filters.every((name) => !fields[name].value || row[name] === fields[name].value) &&
        (!text || columns.some(([name]) => String(row[name]).toLowerCase().includes(text))),
    );
    document.getElementById("count").textContent = `${shown.length} of ${rows.length} changed verdicts`;
    const head = element("tr", null, columns.map(([, label]) => element("th", { scope: "col" }, label)));
    const body = shown.map((row) =>
      element("tr", { class: row.identical ? "identical" : "" }, columns.map(([name, label]) =>
        element("td", { "data-label": label, class: name }, row[name] === null ? "none" : String(row[name])))));
    document.getElementById("verdicts").replaceChildren(
      element("table", { class: "cards" }, element("thead", null, head), element("tbody", null, body)));
  }

  const wanted = remembered();
  for (const name of filters) {
    const values = [...new Set(rows.map((row) => row[name]))];
    choices(fields[name], [["", "all"], ...values.map((one) => [one, one])], wanted[name]);
  }
  fields.text.value = wanted.text ?? "";
  form.addEventListener("input", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  draw();
};
