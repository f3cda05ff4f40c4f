// The page: it draws every chart at the width it has and for the chosen period, and again when either changes.
"use strict";
{
  const {periods, period: chosen, tiles, charts} = JSON.parse(document.getElementById("data").textContent);
  const none = {name: "all", scope: "all time", start: "0001-01-01", end: "9999-12-31", before: null};
  const said = document.getElementById("said");
  const form = document.querySelector(".periods");
  const views = {}; // unpacked rows of each chart and period
  let comparing = false;
  report.period = periods.find((each) => each.name === chosen) ?? none;

  // Rows of months that have a day of the period.
  const inside = (rows, time) =>
    rows.filter((row) => row[time] <= report.period.end && row[time].slice(0, 7) >= report.period.start.slice(0, 7));

  function viewed(number) {
    const chart = charts[number];
    const view = chart.views ? chart.views[report.period.name] ?? {options: {}, label: chart.label} : chart;
    const key = `${number} ${chart.views ? report.period.name : ""}`;
    views[key] ??= view.rows ? report.unpacked(view.rows) : [];
    const rows = chart.time && chart.kind !== "sends" ? inside(views[key], chart.time) : views[key];
    return {kind: chart.kind, label: view.label, options: view.options, rows};
  }

  function draw(place, width) {
    const {kind, label, options, rows} = viewed(place.dataset.chart);
    place.dataset.width = width;
    if (place.getAttribute("role") === "img") place.setAttribute("aria-label", label);
    try {
      const drawn = report.draw[kind](rows, options, width, {period: report.period, comparing});
      place.classList.toggle("empty", typeof drawn === "string");
      if (typeof drawn !== "string") drawn.setAttribute("aria-hidden", "true");
      place.replaceChildren(drawn);
    } catch (error) {
      console.error(label, error);
      place.textContent = "This chart could not be drawn; its numbers are in the table.";
    }
  }

  function show(place, isForced = false) {
    const width = Math.floor(place.clientWidth);
    if (width && (isForced || +place.dataset.width !== width)) draw(place, width);
    else if (!width) delete place.dataset.width;
  }

  function tell() {
    const {scope, said: range, earlier, before} = report.period;
    const box = form.elements.compare;
    box.disabled = !before;
    comparing = box.checked && Boolean(before);
    document.body.classList.toggle("comparing", comparing);
    form.querySelector(".range").textContent = comparing ? `${range}, compared with ${earlier}` : range;
    document.querySelectorAll(".scope.follows").forEach((each) => { each.textContent = scope; });
  }

  // The figures of a tile; the mood of a change is a class, and a sign for those who see no colours.
  function fill(tile) {
    const view = tiles[tile.dataset.tile][report.period.name];
    if (!view) return;
    const [value, delta, mood, note] = view;
    tile.querySelector(".value").textContent = value;
    const words = Object.assign(document.createElement("span"), {textContent: note});
    const change = Object.assign(document.createElement("span"), {className: `delta ${mood}`, textContent: delta});
    tile.querySelector(".note").replaceChildren(...(delta == null ? [words] : [change, " ", words]));
  }

  const places = [...document.querySelectorAll("[data-chart]")];
  function refresh() {
    tell();
    document.querySelectorAll("[data-tile]").forEach(fill);
    places.forEach((place) => {
      delete place.dataset.width;
      show(place, true);
    });
    report.filter();
  }

  // Arrow keys move from point to point as the pointer does, and say what is there.
  function visit(event, place) {
    const move = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity}[event.key];
    const svg = place.querySelector("svg");
    const points = svg?.visited ?? [];
    if (event.key === "Escape") svg?.dispatchEvent(new PointerEvent("pointerleave"));
    if (!move || !points.length) return;
    event.preventDefault();
    const now = place.at ?? (move > 0 ? -1 : points.length);
    place.at = Math.max(0, Math.min(points.length - 1, now + move));
    const {x, y, text} = points[place.at];
    const box = svg.getBoundingClientRect();
    const at = {clientX: box.left + x, clientY: box.top + y, pointerType: "mouse", bubbles: true};
    svg.dispatchEvent(new PointerEvent("pointerenter", at));
    svg.dispatchEvent(new PointerEvent("pointermove", at));
    said.textContent = text.replaceAll("\n", ", ");
  }

  // Print shows what is folded, and draws it.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((each) => { each.open = true; });
    places.forEach((place) => show(place));
  });
  addEventListener("afterprint", () => opened.forEach((each) => { each.open = false; }));

  report.equip();
  if (form && report.period !== none) {
    form.hidden = false;
    form.addEventListener("change", () => {
      report.period = periods.find((each) => each.name === form.elements.period.value) ?? none;
      refresh();
      said.textContent = form.querySelector(".range").textContent;
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.reset();
    tell();
    report.filter();
  }
  const observer = new ResizeObserver((entries) => entries.forEach((entry) => show(entry.target)));
  places.forEach((place) => {
    observer.observe(place);
    place.addEventListener("keydown", (event) => visit(event, place));
    place.addEventListener("blur", () => {
      place.at = undefined;
      place.querySelector("svg")?.dispatchEvent(new PointerEvent("pointerleave"));
    });
  });
}
