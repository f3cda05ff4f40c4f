// Charts over time and bars. Each function of `draw` takes rows, options, the width it has and the chosen period, and
// returns an SVG element, or a text if there is nothing to draw. Colours are CSS variables, so that light, dark and
// print need no drawing again. Text from the account only ever becomes text nodes.
"use strict";
const report = {draw: {}};
{
  const NARROW = 560;
  const SIGN = 6.6; // the usual width of a sign, in pixels
  const color = (name) => `var(--${name})`;
  const whole = d3.format(",.0f");
  const decimal = (value) => value.toLocaleString("en-US", {maximumFractionDigits: 2});
  const percent = (value) => (value == null ? "–" : `${value.toFixed(Math.abs(value) < 1 ? 2 : 1)} %`);
  const short = (value) => (Math.abs(value) < 10000 ? decimal(value) : d3.format(".3~s")(value).replace("G", "B"));
  const day = d3.utcFormat("%-d %b %Y");
  const month = d3.utcFormat("%b %Y");
  const steps = {day: d3.utcDay, week: d3.utcMonday, month: d3.utcMonth, quarter: d3.utcMonth.every(3), year: d3.utcYear};
  const grid = {stroke: color("line"), strokeOpacity: 1};
  const tip = {stroke: color("soft"), textPadding: 10, lineHeight: 1.3, fontSize: 12.5, lineWidth: 26};

  // Ticks of counts: never between two whole numbers.
  const ticksOf = (values) => Math.max(1, Math.min(5, Math.floor(d3.max(values, Math.abs) ?? 1)));
  // Few enough ticks of time that no label meets its neighbour or the edge.
  const timeTicks = (width) => Math.max(2, Math.floor(width / 95));

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
  // From one day to another, in words; the second is the first that is outside.
  const span = (start, stop) => {
    const last = d3.utcDay.offset(stop, -1);
    return last <= start ? day(start) : `${day(start)} – ${day(last)}`;
  };

  // The points of a chart that arrow keys visit, in pixels, each with its text.
  function visited(svg, data, {x, y, title}) {
    const value = (of, d) => (typeof of === "function" ? of(d) : d[of]);
    const [across, up] = ["x", "y"].map((name) => svg.scale(name));
    const at = (scale, of, d) => (of == null ? 0 : scale.apply(value(of, d)) + (scale.bandwidth ?? 0) / 2);
    svg.visited = data.map((d) => ({x: at(across, x, d), y: at(up, y, d), text: value(title, d)}))
      .filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y));
    return svg;
  }
  const plot = (options, data, channels, pointer) => {
    const marks = [...options.marks, Plot.tip(data, pointer({...channels, ...tip}))];
    return visited(Plot.plot({...options, marks}), data, channels);
  };

  Object.assign(report, {NARROW, SIGN, color, whole, decimal, percent, short, day, month, grid, named, cut, isolated,
    unpacked, dated, plot, timeTicks});

  Object.assign(report.draw, {
    // New people above the line, lost ones below it; a dash shows the period before.
    growth(rows, {unit, knownFrom}, width, {comparing}) {
      const data = dated(rows, "start", "stop");
      const middle = (d) => new Date((+d.start + +d.stop) / 2);
      const title = (d) =>
        [span(d.start, d.stop), `New Leads: ${whole(d.joined)}`, `Lost: ${d.lost == null ? "unknown" : whole(d.lost)}`,
          d.active == null ? null : `Active at the end: ${whole(d.active)}`,
          comparing && d.before_joined != null ? `New Leads before: ${whole(d.before_joined)}` : null]
          .filter(Boolean).join("\n");
      const first = knownFrom && new Date(knownFrom);
      const isInside = first && data.length && first > data[0].start && first < data.at(-1).stop;
      const inset = data.length > width / 5 ? 0 : 0.75;
      const ticks = ticksOf(data.flatMap((d) => [d.joined, d.lost ?? 0]));
      return plot({
        width, height: 270, marginLeft: 48, marginRight: 24, marginTop: isInside ? 30 : 20, marginBottom: 38,
        x: {type: "utc", label: null, domain: [data[0].start, data.at(-1).stop], ticks: timeTicks(width)},
        y: {label: null, nice: true, tickFormat: short, ticks},
        marks: [
          Plot.gridY({...grid, ticks}),
          Plot.rectY(data, {x1: "start", x2: "stop", y: "joined", fill: color("c1"), inset}),
          Plot.rectY(data, {x1: "start", x2: "stop", y: (d) => (d.lost == null ? null : -d.lost), fill: color("c2"), inset}),
          comparing
            ? Plot.ruleY(data, {x1: "start", x2: "stop", y: "before_joined", stroke: color("ink"), strokeWidth: 2})
            : null,
          isInside ? Plot.ruleX([first], {insetTop: -8, stroke: color("quiet"), strokeDasharray: "3,3"}) : null,
          isInside
            ? Plot.text([first], {x: (d) => d, text: ["first pull"], frameAnchor: "top", textAnchor: "end", dx: 8, dy: -18,
                fill: color("quiet")})
            : null,
          Plot.ruleY([0], {stroke: color("quiet")}),
        ],
      }, data, {x: middle, y: "joined", title}, Plot.pointerX);
    },

    line(rows, {x, y, ends, what}, width, {comparing}) {
      if (!rows.length) return "Nothing is known of this period.";
      const data = dated(rows, x).map((d) => (ends ? {...d, [x]: d3.utcDay.offset(d[x], -1)} : d));
      const last = data.at(-1);
      const ticks = 5;
      const title = (d) =>
        [day(d[x]), `${what}: ${whole(d[y])}`, comparing && d.before != null ? `Before: ${whole(d.before)}` : null]
          .filter(Boolean).join("\n");
      return plot({
        width, height: 220, marginLeft: 52, marginRight: 62, marginBottom: 38,
        x: {type: "utc", label: null, ticks: timeTicks(width)},
        y: {label: null, nice: true, tickFormat: short, ticks, zero: false},
        marks: [
          Plot.gridY({...grid, ticks}),
          comparing
            ? Plot.lineY(data, {x, y: "before", stroke: color("ink"), strokeWidth: 1.75, strokeDasharray: "4,3"})
            : null,
          Plot.lineY(data, {x, y, stroke: color("c1"), strokeWidth: 2.25, curve: "monotone-x"}),
          Plot.dot([last], {x, y, fill: color("c1"), r: 4}),
          Plot.text([last], {x, y, text: (d) => whole(d[y]), textAnchor: "start", dx: 9, fontWeight: 650,
            fill: color("ink")}),
        ],
      }, data, {x, y, title}, Plot.pointerX);
    },

    // Parts on one another by bin; a dash shows the whole of the period before.
    stack(rows, {parts, unit, what, empty, colors = ["c2", "c5", "c4", "soft"]}, width, {comparing}) {
      if (empty || !rows.length) return empty || "Nothing is known of this period.";
      const interval = steps[unit];
      const data = dated(rows, "x", "stop").map((d) => ({...d, stop: d.stop ?? interval.offset(interval.floor(d.x), 1)}));
      const sums = d3.rollups(data, (group) => group, (d) => +d.x).map(([x, group]) => ({
        x: new Date(x), stop: group[0].stop, y: d3.sum(group, (d) => Math.max(0, d.y)), before: group[0].before,
        title: [unit === "month" ? month(new Date(x)) : span(new Date(x), group[0].stop),
          ...group.map((d) => `${d.part}: ${decimal(d.y)}`), `${what}: ${decimal(d3.sum(group, (d) => d.y))}`,
          comparing && group[0].before != null ? `before: ${decimal(group[0].before)}` : null].filter(Boolean).join("\n"),
      }));
      // A few months do not become walls: the axis spans a year and more.
      const [first, last] = d3.extent(data, (d) => d.x);
      const start = unit === "month" ? d3.min([first, d3.utcMonth.offset(last, -11)]) : first;
      const ticks = ticksOf(sums.map((d) => d.y));
      const inset = sums.length > width / 5 ? 0 : 0.75;
      return plot({
        width, height: 240, marginLeft: 52, marginRight: 24, marginBottom: 38,
        x: {type: "utc", label: null, domain: [start, d3.max(data, (d) => d.stop)], ticks: timeTicks(width)},
        y: {label: null, nice: true, tickFormat: short, ticks},
        color: {domain: parts, range: parts.map((_, place) => color(colors[place]))},
        marks: [
          Plot.gridY({...grid, ticks}),
          Plot.rectY(data, Plot.stackY({x1: "x", x2: "stop", y: "y", fill: "part", order: parts, inset})),
          comparing
            ? Plot.ruleY(sums, {x1: "x", x2: "stop", y: "before", stroke: color("ink"), strokeWidth: 2})
            : null,
          Plot.ruleY([0], {stroke: color("quiet")}),
        ],
      }, sums, {x: (d) => new Date((+d.x + +d.stop) / 2), y: "y", title: "title"}, Plot.pointerX);
    },

    // Names on the left, values behind their bars; both above them where there is little room. The range of a rate is
    // a line over the end of its bar.
    bars(rows, {color: fill, tips = {}, max, empty}, width, {comparing}) {
      if (!rows.length) return empty || "Nothing is known of this period.";
      const isNarrow = width < NARROW;
      const data = rows.map((row, place) => ({...row, place}));
      const title = (d) =>
        [named(d.name), d.text, ...Object.entries(tips).map(([name, label]) => `${label}: ${whole(d[name])}`),
          ...(past.includes(d) ? [`before: ${whole(d.before)}`] : [])].join("\n");
      const ranged = data.filter((d) => d.low != null && d.high != null);
      const past = comparing ? data.filter((d) => d.before != null) : [];
      const end = (d) => Math.max(0, d.value, d.high ?? 0, comparing ? d.before ?? 0 : 0);
      const most = d3.max(data, end);
      const top = Math.max(max ?? most, 0) || 1;
      const room = d3.max(data, (d) => d.text.length) * SIGN + 12;
      const longest = d3.max(data, (d) => Array.from(d.name ?? "").length) * SIGN + 16;
      const left = isNarrow ? 0 : Math.min(Math.max(90, longest), 0.42 * width);
      const right = isNarrow ? 4 : Math.min(Math.max(8, room - (1 - most / top) * (width - left)), 0.5 * (width - left));
      // A name that does not fit beside its value has a line of its own.
      const isTall = isNarrow && longest + room > width;
      const signs = Math.floor(isNarrow ? (isTall ? width - 8 : width - room) / SIGN : (left - 12) / SIGN);
      const name = (d) => cut(d.name, signs);
      return plot({
        width, height: data.length * (isTall ? 60 : isNarrow ? 42 : 30) + 8, marginLeft: left + 1,
        marginRight: right, marginTop: 4, marginBottom: 4,
        x: {axis: null, domain: [Math.min(0, d3.min(data, (d) => d.value)), top]},
        y: {axis: null, domain: data.map((d) => d.place), padding: isNarrow ? 0.1 : 0.28},
        marks: [
          Plot.barX(data, {x: "value", y: "place", fill: color(fill), rx: 3, insetTop: isTall ? 37 : isNarrow ? 20 : 0}),
          Plot.ruleY(ranged, {x1: "low", x2: "high", y: "place", stroke: color("ink"), strokeWidth: 1.75,
            dy: isTall ? 19 : isNarrow ? 10 : 0}),
          Plot.tickX(past, {x: "before", y: "place", stroke: color("ink"), strokeWidth: 2,
            insetTop: isTall ? 37 : isNarrow ? 20 : 0}),
          isNarrow ? null : Plot.ruleX([0], {stroke: color("soft")}),
          Plot.text(data, {y: "place", text: name, frameAnchor: "left", textAnchor: isNarrow ? "start" : "end",
            dx: isNarrow ? 0 : -9, dy: isTall ? -19 : isNarrow ? -9 : 0, fill: color("ink")}),
          isNarrow
            ? Plot.text(data, {y: "place", text: "text", frameAnchor: isTall ? "left" : "right", dy: isTall ? -2 : -9,
                fill: color("quiet")})
            : Plot.text(data, {x: end, y: "place", text: "text", textAnchor: "start", dx: 6,
                fill: color("quiet")}),
        ],
      }, data, {x: (d) => Math.max(0, d.value) / 2, y: "place", title}, Plot.pointerY);
    },

    // A rate with its range beside each name: the best above, the worst below a gap.
    ranges(rows, {what}, width) {
      const isNarrow = width < NARROW;
      const gap = rows.findIndex((d) => d.group === "worst");
      const data = dated(rows, "sent_on").map((row, place) => ({...row, place: place < gap ? place : place + 1}));
      const title = (d) =>
        [named(d.name), day(d.sent_on), `${what}: ${percent(d.value)}`, `95 % range: ${percent(d.low)} to ${percent(d.high)}`,
          `${whole(d.recipients)} recipients`].join("\n");
      const left = isNarrow ? 8 : Math.min(d3.max(data, (d) => Array.from(d.name ?? "").length) * SIGN + 16, 0.42 * width);
      const signs = Math.floor((isNarrow ? width - 60 : left - 12) / SIGN);
      const top = Math.min(100, d3.max(data, (d) => d.high) * 1.04 || 1);
      const ticks = isNarrow ? 3 : 6;
      return plot({
        width, height: (data.length + 1) * (isNarrow ? 40 : 27) + 34, marginLeft: left, marginRight: 62, marginTop: 8,
        marginBottom: 26,
        x: {label: null, domain: [0, top], tickFormat: (d) => `${d} %`, ticks},
        y: {axis: null, type: "band", domain: d3.range(data.length + 1), padding: 0.2},
        color: {domain: ["best", "worst"], range: [color("c1"), color("c2")]},
        marks: [
          Plot.gridX({...grid, ticks}),
          Plot.ruleY(data, {x1: "low", x2: "high", y: "place", stroke: "group", strokeWidth: 5, strokeOpacity: 0.35,
            strokeLinecap: "round", dy: isNarrow ? 8 : 0}),
          Plot.dot(data, {x: "value", y: "place", fill: "group", r: 5, dy: isNarrow ? 8 : 0}),
          Plot.text(data, {y: "place", text: (d) => cut(d.name, signs), frameAnchor: "left",
            textAnchor: isNarrow ? "start" : "end", dx: isNarrow ? 0 : -9, dy: isNarrow ? -9 : 0, fill: color("ink")}),
          Plot.text(data, {x: "high", y: "place", text: (d) => percent(d.value), textAnchor: "start", dx: 8,
            dy: isNarrow ? 8 : 0, fill: color("quiet")}),
        ],
      }, data, {x: "value", y: "place", title}, Plot.pointerY);
    },

    spark(rows, _, width) {
      const data = rows.map((d, place) => ({...d, place})).filter((d) => d.value != null);
      if (data.length < 2) return "";
      return Plot.plot({
        width, height: 36, margin: 3, axis: null,
        y: {domain: d3.extent(data, (d) => d.value)},
        marks: [
          Plot.lineY(data, {x: "place", y: "value", stroke: color("c1"), strokeWidth: 1.75, curve: "monotone-x"}),
          Plot.dot([data.at(-1)], {x: "place", y: "value", fill: color("c1"), r: 2.75}),
        ],
      });
    },
  });
}
