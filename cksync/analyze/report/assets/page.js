// Draws every chart of the page at the width it has, and again when that changes. Colours are CSS variables, so
// that light, dark and print need no drawing anew. Text from the account only ever becomes text nodes.
"use strict";
{
  const NARROW = 560;
  const SIGN = 6.6; // the usual width of a sign, in pixels
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const color = (name) => `var(--${name})`;
  const whole = d3.format(",.0f");
  const decimal = (value) => value.toLocaleString("en-US", {maximumFractionDigits: 2});
  const percent = (value) => (value == null ? "–" : `${value.toFixed(Math.abs(value) < 1 ? 2 : 1)} %`);
  const short = (value) => (Math.abs(value) < 10000 ? decimal(value) : d3.format(".3~s")(value).replace("G", "B"));
  const day = d3.utcFormat("%-d %b %Y");
  const month = d3.utcFormat("%b %Y");
  const said = {day, week: (date) => `week of ${day(date)}`, month, quarter: (date) => `quarter from ${month(date)}`,
    year: d3.utcFormat("%Y")};
  const steps = {day: d3.utcDay, week: d3.utcMonday, month: d3.utcMonth, quarter: d3.utcMonth.every(3), year: d3.utcYear};
  const grid = {stroke: color("line"), strokeOpacity: 1};
  const tip = {stroke: color("soft"), textPadding: 10, lineHeight: 1.3, fontSize: 12.5, lineWidth: 26};

  // Ticks of counts: never between two whole numbers.
  const ticksOf = (values) => Math.max(1, Math.min(5, Math.floor(d3.max(values, Math.abs) ?? 1)));

  // A name keeps its own direction, whatever stands beside it, and never grows beyond its place.
  const isolated = (text) => `\u2068${text}\u2069`;
  const named = (text) => isolated(text == null || !text.trim() ? "(no name)" : text);
  const cut = (text, length) => {
    const signs = Array.from(text == null || !text.trim() ? "(no name)" : text.trim());
    return isolated(signs.length > length ? signs.slice(0, length - 1).join("").trimEnd() + "…" : signs.join(""));
  };

  const unpacked = ({names, columns}) =>
    (columns[0] ?? []).map((_, row) =>
      Object.fromEntries(names.map((name, place) => [name, columns[place][row]])));
  const dated = (rows, ...names) =>
    rows.map((row) => ({...row, ...Object.fromEntries(names.map((name) => [name, row[name] && new Date(row[name])]))}));

  const draw = {
    // New people above the line, lost ones below it.
    growth(rows, {unit, knownFrom}, width) {
      const data = dated(rows, "start");
      const interval = steps[unit];
      const title = (d) =>
        [said[unit](d.start), `New Leads: ${whole(d.joined)}`, `Lost: ${d.lost == null ? "unknown" : whole(d.lost)}`,
          d.active == null ? null : `Active at the end: ${whole(d.active)}`].filter(Boolean).join("\n");
      const first = knownFrom && new Date(knownFrom);
      const isInside = first && data.length && first > data[0].start;
      const inset = data.length > width / 5 ? 0 : 0.5;
      const ticks = ticksOf(data.flatMap((d) => [d.joined, d.lost ?? 0]));
      return Plot.plot({
        width, height: 270, marginLeft: 44, marginRight: 12, marginTop: isInside ? 30 : 20, marginBottom: 38,
        x: {type: "utc", label: null}, y: {label: null, nice: true, tickFormat: short, ticks},
        marks: [
          Plot.gridY({...grid, ticks}),
          Plot.rectY(data, {x: "start", interval, y: "joined", fill: color("c1"), inset}),
          Plot.rectY(data, {x: "start", interval, y: (d) => (d.lost == null ? null : -d.lost), fill: color("c2"), inset}),
          "average" in (data[0] ?? {})
            ? Plot.lineY(data, {x: (d) => new Date(+d.start + 432e5), y: "average", stroke: color("ink"), strokeWidth: 1.75,
                curve: "monotone-x"})
            : null,
          isInside ? Plot.ruleX([first], {insetTop: -8, stroke: color("quiet"), strokeDasharray: "3,3"}) : null,
          isInside
            ? Plot.text([first], {x: (d) => d, text: ["first pull"], frameAnchor: "top", textAnchor: "end", dx: 8, dy: -18,
                fill: color("quiet")})
            : null,
          Plot.ruleY([0], {stroke: color("quiet")}),
          Plot.tip(data, Plot.pointerX({x: "start", y: "joined", title, ...tip})),
        ],
      });
    },

    line(rows, {x, y}, width) {
      const data = dated(rows, x);
      const last = data.at(-1);
      const ticks = 5;
      return Plot.plot({
        width, height: 220, marginLeft: 52, marginRight: 62, marginBottom: 38,
        x: {type: "utc", label: null}, y: {label: null, nice: true, tickFormat: short, ticks, zero: false},
        marks: [
          Plot.gridY({...grid, ticks}),
          Plot.lineY(data, {x, y, stroke: color("c1"), strokeWidth: 2.25, curve: "monotone-x"}),
          Plot.dot([last], {x, y, fill: color("c1"), r: 4}),
          Plot.text([last], {x, y, text: (d) => whole(d[y]), textAnchor: "start", dx: 9, fontWeight: 650,
            fill: color("ink")}),
          Plot.tip(data, Plot.pointerX({x, y, title: (d) => `${day(d[x])}\n${whole(d[y])}`, ...tip})),
        ],
      });
    },

    stack(rows, {parts, unit, what, colors = ["c2", "c5", "c4", "soft"]}, width) {
      const data = dated(rows, "x");
      const interval = steps[unit];
      const sums = d3.rollups(data, (group) => group, (d) => +d.x).map(([x, group]) => ({
        x: new Date(x), y: d3.sum(group, (d) => Math.max(0, d.y)),
        title: [said[unit](new Date(x)), ...group.map((d) => `${d.part}: ${decimal(d.y)}`),
          `${what}: ${decimal(d3.sum(group, (d) => d.y))}`].join("\n"),
      }));
      // A few columns do not become walls: the axis spans a year and more.
      const [first, last] = d3.extent(data, (d) => d.x);
      const start = d3.min([first, d3.utcMonth.offset(last, -11)]);
      const end = interval.offset(interval.floor(last), 1);
      const ticks = ticksOf(sums.map((d) => d.y));
      return Plot.plot({
        width, height: 240, marginLeft: 52, marginRight: 12, marginBottom: 38,
        x: {type: "utc", label: null, domain: [start, end]},
        y: {label: null, nice: true, tickFormat: short, ticks},
        color: {domain: parts, range: parts.map((_, place) => color(colors[place]))},
        marks: [
          Plot.gridY({...grid, ticks}),
          Plot.rectY(data, Plot.stackY({x: "x", interval, y: "y", fill: "part", order: parts, inset: 0.5})),
          Plot.ruleY([0], {stroke: color("quiet")}),
          Plot.tip(sums, Plot.pointerX({x: "x", y: "y", title: "title", ...tip})),
        ],
      });
    },

    // Names on the left, values behind their bars; both above them where there is little room.
    bars(rows, {color: fill, tips = {}, max}, width) {
      const isNarrow = width < NARROW;
      const data = rows.map((row, place) => ({...row, place}));
      const title = (d) =>
        [named(d.name), d.text, ...Object.entries(tips).map(([name, label]) => `${label}: ${whole(d[name])}`)].join("\n");
      const most = d3.max(data, (d) => d.value);
      const top = Math.max(max ?? most, 0) || 1;
      const room = d3.max(data, (d) => d.text.length) * SIGN + 12;
      const left = isNarrow ? 0 : 190;
      const right = isNarrow ? 4 : Math.min(Math.max(8, room - (1 - most / top) * (width - left)), 0.5 * (width - left));
      const name = (d) => cut(d.name, isNarrow ? Math.max(6, Math.floor((width - room) / SIGN)) : 26);
      return Plot.plot({
        width, height: data.length * (isNarrow ? 42 : 30) + 8, marginLeft: left + 1, marginRight: right, marginTop: 4,
        marginBottom: 4,
        x: {axis: null, domain: [Math.min(0, d3.min(data, (d) => d.value)), top]},
        y: {axis: null, domain: data.map((d) => d.place), padding: isNarrow ? 0.1 : 0.28},
        marks: [
          Plot.barX(data, {x: "value", y: "place", fill: color(fill), rx: 3, insetTop: isNarrow ? 20 : 0}),
          isNarrow ? null : Plot.ruleX([0], {stroke: color("soft")}),
          Plot.text(data, {y: "place", text: name, frameAnchor: "left", textAnchor: isNarrow ? "start" : "end",
            dx: isNarrow ? 0 : -9, dy: isNarrow ? -9 : 0, fill: color("ink")}),
          isNarrow
            ? Plot.text(data, {y: "place", text: "text", frameAnchor: "right", dy: -9, fill: color("quiet")})
            : Plot.text(data, {x: (d) => Math.max(0, d.value), y: "place", text: "text", textAnchor: "start", dx: 6,
                fill: color("quiet")}),
          Plot.tip(data, Plot.pointerY({x: (d) => Math.max(0, d.value) / 2, y: "place", title, ...tip})),
        ],
      });
    },

    retention(rows, _, width) {
      const data = dated(rows, "cohort");
      const interval = d3.utcMonth;
      const ticks = 5;
      const title = (d) =>
        `joined in ${month(d.cohort)}\n${percent(d.retention_rate)} still active: ${whole(d.active)} of ${whole(d.size)}\n` +
        `95 % interval: ${percent(d.retention_low)} to ${percent(d.retention_high)}`;
      return Plot.plot({
        width, height: 230, marginLeft: 48, marginRight: 12, marginBottom: 38,
        x: {type: "utc", label: null}, y: {label: null, domain: [0, 100], tickFormat: (d) => `${d} %`, ticks},
        marks: [
          Plot.gridY({...grid, ticks}),
          Plot.rectY(data, {x: "cohort", interval, y1: "retention_low", y2: "retention_high", fill: color("soft"),
            fillOpacity: 0.28, insetLeft: 3, insetRight: 3, rx: 3}),
          Plot.rectY(data, {x: "cohort", interval, y1: (d) => d.retention_rate - 0.6, y2: (d) => d.retention_rate + 0.6,
            fill: color("c1"), insetLeft: 3, insetRight: 3}),
          Plot.ruleY([0], {stroke: color("quiet")}),
          Plot.tip(data, Plot.pointerX({x: "cohort", y: "retention_rate", title, ...tip})),
        ],
      });
    },

    cohorts(rows, _, width) {
      const data = dated(rows, "cohort", "month");
      const [cohorts, months] = ["cohort", "month"].map((name) => d3.sort(new Set(data.map((d) => +d[name]))));
      const left = 70;
      const title = (d) =>
        `joined in ${month(d.cohort)}\nat the end of ${month(d.month)}: ${percent(d.retention_rate)} still active\n` +
        `${whole(d.active)} of ${whole(d.size)}`;
      return heat(data, {x: (d) => +d.month, y: (d) => +d.cohort, rate: "retention_rate", title, left, low: 40,
        width: Math.min(width, left + months.length * 72), xDomain: months, yDomain: cohorts.reverse(),
        xName: (time) => d3.utcFormat(months.length > width / 60 ? "%b" : "%b %y")(new Date(time)),
        yName: (time) => month(new Date(time))});
    },

    overlap(rows, {ids, names}, width) {
      const isNarrow = width < NARROW;
      const shown = isNarrow ? ids.slice(0, 8) : ids;
      const name = new Map(ids.map((id, place) => [id, names[place]]));
      const title = (d) =>
        `${named(d.tag)}\nalso ${named(d.with_tag)}: ${percent(d.share)}\n${whole(d.people)} people · lift ${decimal(d.lift)}`;
      const data = rows.filter((d) => shown.includes(d.tag_id) && shown.includes(d.with_id));
      return heat(data, {x: "with_id", y: "tag_id", rate: "share", title, width, left: isNarrow ? 106 : 190,
        right: 48, top: isNarrow ? 92 : 118, rotate: -45, xDomain: shown, yDomain: shown, low: 0,
        xName: (id) => cut(name.get(id), isNarrow ? 14 : 18), yName: (id) => cut(name.get(id), isNarrow ? 13 : 26)});
    },

    // Each broadcast, and the rate over the recipients of the ten before it.
    sends(rows, {what}, width) {
      const data = dated(rows, "sent_on");
      const ticks = 5;
      const [above, near, below] = ["above", "near", "below"].map((verdict) => data.filter((d) => d.verdict === verdict));
      const title = (d) =>
        [d.subject == null ? "(no subject)" : isolated(d.subject), day(d.sent_on), `${what}: ${percent(d.rate)}`,
          d.usual == null ? null : `normal: ${percent(d.usual)}`, `${whole(d.recipients)} recipients`]
          .filter(Boolean).join("\n");
      const mark = (group, fill, symbol, r, rotate = 0) =>
        Plot.dot(group, {x: "sent_on", y: "rate", fill: color(fill), symbol, r, rotate, stroke: color("card"),
          strokeWidth: 1});
      return Plot.plot({
        width, height: 280, marginLeft: 48, marginRight: 18, marginBottom: 38,
        x: {type: "utc", label: null, inset: 8},
        y: {label: null, nice: true, zero: true, tickFormat: (d) => `${d} %`, ticks},
        marks: [
          Plot.gridY({...grid, ticks}),
          Plot.ruleY([0], {stroke: color("quiet")}),
          Plot.lineY(data, {x: "sent_on", y: "usual", stroke: color("ink"), strokeOpacity: 0.6, strokeWidth: 1.75}),
          mark(near, "soft", "circle", 4),
          mark(above, "c1", "triangle", 5.5),
          mark(below, "c2", "triangle", 5.5, 180),
          Plot.tip(data, Plot.pointer({x: "sent_on", y: "rate", title, ...tip})),
        ],
      });
    },
  };

  // Cells of shares in percent: the more, the stronger.
  function heat(rows, {x, y, rate, title, width, left, right = 6, top = 30, rotate = 0, low, xDomain, yDomain, xName, yName}) {
    // Half of the colour at most, so that the number in it can be read in light and dark.
    const strength = d3.scaleLinear([low, 100], [0.06, 0.52]).clamp(true);
    const hasText = (width - left - right) / xDomain.length > 25;
    return Plot.plot({
      width, height: yDomain.length * 30 + top + 10, marginLeft: left, marginTop: top, marginRight: right,
      marginBottom: 6,
      x: {type: "band", domain: xDomain, axis: "top", label: null, tickSize: 0, tickFormat: xName, tickRotate: rotate,
        padding: 0.06},
      y: {type: "band", domain: yDomain, label: null, tickSize: 0, tickFormat: yName, padding: 0.08},
      opacity: {type: "identity"},
      marks: [
        Plot.cell(rows, {x, y, fill: color("c1"), fillOpacity: (d) => strength(d[rate]), rx: 3}),
        hasText
          ? Plot.text(rows, {x, y, text: (d) => d[rate].toFixed(0), fontSize: 11.5, fill: color("ink"),
              pointerEvents: "none"})
          : null,
        Plot.tip(rows, Plot.pointer({x, y, title, ...tip})),
      ],
    });
  }

  function show(place) {
    const {kind, label, options, rows} = charts[place.dataset.chart];
    const width = Math.floor(place.clientWidth);
    if (!width || +place.dataset.width === width) return;
    place.dataset.width = width;
    try {
      const drawn = draw[kind](unpacked(rows), options, width);
      drawn.setAttribute("aria-hidden", "true");
      place.replaceChildren(drawn);
    } catch (error) {
      console.error(label, error);
      place.textContent = "This chart could not be drawn; its numbers are in the table.";
    }
  }

  const observer = new ResizeObserver((entries) => entries.forEach((entry) => show(entry.target)));
  document.querySelectorAll("[data-chart]").forEach((place) => observer.observe(place));
}
