// The Trajectories page: choose a tool's exploration, read it trial by trial, another one beside it if wanted. Data come
// as scripts, one a tool.
"use strict";
{
  const form = document.getElementById("choose");
  const fields = form.elements;
  const loaded = new Map();
  let studies = [];

  const part = () =>
    studies
      .find((one) => one.study === fields.study.value)
      .parts.find((one) => one.variant === fields.variant.value && String(one.seed) === fields.seed.value);

  function fill(wanted = {}) {
    choices(fields.study, studies.map((one) => [one.study, one.title]), wanted.study);
    const parts = studies.find((one) => one.study === fields.study.value).parts;
    const variants = [...new Set(parts.map((one) => one.variant))];
    choices(fields.variant, variants.map((one) => [one, one.replaceAll("_", " ")]), wanted.variant);
    const seeds = parts.filter((one) => one.variant === fields.variant.value).map((one) => String(one.seed));
    choices(fields.seed, seeds.map((one) => [one, one]), wanted.seed);
    const tools = part().tools;
    const label = (one) => one.tool + (one.solved === null ? "" : ` (${one.solved} of ${one.trials} solved)`);
    choices(fields.tool, tools.map((one) => [one.tool, label(one)]), wanted.tool);
    choices(fields.beside, [["", "nothing"], ...others().map((one) => [one.name, one.label])], wanted.beside);
    if (wanted.show) fields.show.value = wanted.show;
  }

  // Each exploration of the tool: its name in the address, what it is called, its file.
  const explorations = () =>
    studies.flatMap((study) =>
      study.parts.flatMap((one) =>
        one.tools
          .filter((tool) => tool.tool === fields.tool.value)
          .map((tool) => ({
            name: `${study.study}/${one.variant}/${one.seed}`,
            label: `${study.title}, ${one.variant.replaceAll("_", " ")}, seed ${one.seed}`,
            file: tool.file,
          })),
      ),
    );
  const chosen = () => explorations().find((one) => one.name === `${fields.study.value}/${fields.variant.value}/${fields.seed.value}`);
  const others = () => explorations().filter((one) => one.name !== chosen().name);
  const sides = () => [chosen(), ...others().filter((one) => one.name === fields.beside.value)];

  function load() {
    remember(form);
    document.getElementById("count").textContent = "Loading …";
    for (const { file } of sides().filter((one) => !loaded.has(one.file))) {
      const script = element("script", { src: file.split("/").map(encodeURIComponent).join("/") });
      script.onerror = () => (document.getElementById("count").textContent = `${file} is not there.`);
      document.head.append(script);
    }
    show();
  }

  function show() {
    if (sides().every((one) => loaded.has(one.file))) draw(sides().map((one) => ({ label: one.label, ...loaded.get(one.file) })));
  }

  STE.take = (data) => {
    loaded.set(data.file, data);
    show();
  };

  STE.catalogue = (all) => {
    studies = all;
    fill(remembered());
    form.addEventListener("change", () => (fill(), load()));
    form.addEventListener("submit", (event) => event.preventDefault());
    load();
  };

  const ran = (trial) => trial.steps.some((step) => step.ok === true);
  const shown = {
    all: () => true,
    solved: (trial) => trial.solved === true,
    unsolved: (trial) => trial.solved === false,
    ran,
    failed: (trial) => !ran(trial),
  };

  function draw(both) {
    const wanted = both.map((data) => data.trials.filter(shown[fields.show.value] ?? shown.all));
    const episodes = [...new Set(wanted.flat().map((trial) => trial.episode))].sort((one, other) => one - other);
    const counts = both.map((data, side) => `${wanted[side].length} of ${data.trials.length} trials`);
    document.getElementById("count").textContent = `${counts[0]} of ${both[0].tool}` + counts.slice(1).map((one) => `; beside them ${one}`).join("");
    document.getElementById("episodes").replaceChildren(
      ...episodes.map((episode, place) => {
        const own = (trials) => trials.filter((trial) => trial.episode === episode);
        const counts = both.map((data, side) => `${own(wanted[side]).length} of ${own(data.trials).length} trials`);
        const columns = both.map((data, side) =>
          element(
            "div",
            null,
            both.length > 1 ? element("p", { class: "note" }, data.label) : null,
            own(wanted[side]).map((trial) => drawTrial(trial, data)),
          ),
        );
        const box = element("details", { class: "episode" });
        box.append(
          element("summary", null, `Episode ${episode + 1}: ${counts.join("; beside them ")}`),
          element("div", both.length > 1 ? { class: "sides" } : null, columns),
        );
        box.open = place === 0 || fields.show.value !== "all";
        return box;
      }),
    );
  }

  function drawTrial(trial, data) {
    const verdict = { true: "solved", false: "not solved" }[trial.solved] ?? "no verdict";
    const says = trial.solved === undefined || trial.solved === null ? verdict : `model says ${verdict}`;
    return element(
      "article",
      { class: "trial" },
      element("h2", null, `Trial ${trial.trial + 1} `, element("span", { class: "verdict " + verdict.replace(" ", "-") }, says)),
      drawMemory(trial, data),
      said("Imagined request", trial.query || "(nothing that could be tried)", "query"),
      trial.asked_again ? element("p", { class: "note" }, `Imagined again, ${trial.asked_again} more, until there was one of use.`) : null,
      trial.steps.flatMap((step) => [said("Model", step.output, "reply"), answered(step)]),
      trial.answer === undefined ? element("p", { class: "note" }, "No final answer.") : null,
      trial.reflection === undefined ? null : said("Reflection", trial.reflection, "reflection"),
    );
  }

  function drawMemory(trial, data) {
    const earlier = trial.trial === 0 ? "nothing yet" : trial.trial === 1 ? "at most trial 1" : `at most trials 1 to ${trial.trial}`;
    const short = data.file.includes("/no_short_term/") ? "switched off" : earlier;
    const long = data.file.includes("/no_long_term/")
      ? "switched off"
      : `${trial.shown.length} of ${trial.remembered ?? 0} lines`;
    const lines = element("ul", null, trial.shown.map((number) => element("li", null, data.lines[number].replace(/^- /, ""))));
    const words = `Memory shown: short-term, ${short}; long-term, ${long}`;
    if (!trial.shown.length) return element("p", { class: "memory" }, words);
    return element("details", { class: "memory" }, element("summary", null, words), lines);
  }

  function answered(step) {
    if (step.observation === undefined) {
      return step.call || step.problem ? element("p", { class: "note" }, "What came back was withheld from the model.") : null;
    }
    if (step.problem !== undefined) return said("Told, as it could not be read", step.observation, "observation failed");
    return said(step.ok ? "Observation" : "Observation (the call failed)", step.observation, "observation" + (step.ok ? "" : " failed"));
  }

  // A label and a text; the text's own Thought:, Action: ... at a line's start stand out.
  function said(label, text, kind) {
    const lines = text.split(/^(Thought:|Action:|Action Input:|Final Answer:)/m);
    const parts = kind === "reply" ? lines.map((part, place) => (place % 2 ? element("b", null, part) : part)) : [text];
    return element("div", { class: "said " + kind }, element("span", { class: "who" }, label), element("div", { class: "text" }, parts));
  }
}
