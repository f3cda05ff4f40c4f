// The whole list over the years, with launches above and broadcasts below the line; the chosen period is a band.
"use strict";
{
  const {NARROW, color, whole, percent, short, day, named, cut, SIGN, grid, unpacked, dated, plot, timeTicks} = report;

  // Launches from the left, each with the row of its label: the first in which it does not meet another.
  function labelled(launches, place, width) {
    const ends = [];
    return launches.map((launch) => {
      const text = cut(launch.name, 26);
      const size = text.length * SIGN * 0.95 + 10;
      const at = place(launch.day);
      const isLeft = at + size > width;
      const [from, to] = isLeft ? [at - size, at] : [at, at + size];
      let row = ends.findIndex((end) => end < from);
      if (row < 0) row = ends.length;
      ends[row] = to;
      return {...launch, text, row, isLeft};
    });
  }

  report.draw.hero = (rows, {what, sends, launches, peaks}, width, {period, comparing}) => {
    const data = dated(rows, "day");
    const isNarrow = width < NARROW;
    const sent = dated(unpacked(sends), "day").filter((d) => d.day >= data[0].day);
    const domain = d3.extent(data, (d) => d.day);
    const right = 62, left = 48;
    const place = d3.scaleUtc(domain, [left, width - right]);
    const begun = labelled(dated(unpacked(launches), "day").filter((d) => d.day >= domain[0]), place, width);
    const peaked = dated(unpacked(peaks), "day").filter((d) => d.day >= domain[0]);
    const most = d3.max(data, (d) => d.value) || 1;
    const lines = isNarrow ? 0 : 1 + (d3.max(begun, (d) => d.row) ?? -1);
    const step = most * 0.085; // between rows of labels
    const at = (row) => most * 1.03 + step * (lines - row - 0.4);
    const top = most * 1.04 + step * lines;
    const rug = most * 0.05;
    const nearest = d3.bisector((d) => d.day);
    const value = (date) => data[Math.min(nearest.left(data, date), data.length - 1)].value;
    const bands = [period.name === "all" ? null : {...period, strength: 0.13},
      comparing && period.before ? {...period.before, strength: 0.06} : null].filter(Boolean);
    const last = data.at(-1);
    const title = (d) => `${day(d.day)}\n${what}: ${whole(d.value)}`;
    const points = [
      ...data.map((d) => ({...d, title: title(d)})),
      ...[...begun, ...peaked].map((d) => ({day: d.day, value: value(d.day),
        title: `${day(d.day)}\n${d.row == null ? "Peak of sales" : "Launch"}: ${named(d.name)}\n` +
        `${whole(d.orders)} orders in ${d.row == null ? "the week" : "two weeks"}`})),
    ];
    const broadcasts = sent.map((d) => ({day: d.day, value: 0,
      title: `${day(d.day)}\n${named(d.subject)}\nopened by ${percent(d.open_rate)} of ${whole(d.recipients)}`}));
    return plot({
      width, height: (isNarrow ? 280 : 340) + 26 * lines, marginLeft: left, marginRight: right, marginTop: 16, marginBottom: 38,
      x: {type: "utc", label: null, domain, ticks: timeTicks(width)},
      y: {label: null, domain: [-2 * rug, top], tickFormat: short, ticks: d3.ticks(0, most, 5)},
      marks: [
        Plot.rect(bands, {x1: (d) => new Date(d.start), x2: (d) => new Date(d.end), fill: color("c1"),
          fillOpacity: "strength"}),
        Plot.gridY(d3.ticks(0, most, 5), {...grid}),
        Plot.areaY(data, {x: "day", y1: 0, y2: "value", fill: color("c1"), fillOpacity: 0.12}),
        Plot.ruleY([0], {stroke: color("quiet")}),
        Plot.ruleX(sent, {x: "day", y1: -0.35 * rug, y2: -1.65 * rug, stroke: color("soft"), strokeWidth: 1.25}),
        Plot.ruleX(begun, {x: "day", y1: 0, y2: (d) => (isNarrow ? most : at(d.row)), stroke: color("c4"), strokeWidth: 1.5}),
        Plot.lineY(data, {x: "day", y: "value", stroke: color("c1"), strokeWidth: 2.5}),
        Plot.dot(peaked, {x: "day", y: (d) => value(d.day), fill: color("card"), r: 4, stroke: color("c4"), strokeWidth: 2}),
        Plot.dot(begun, {x: "day", y: (d) => value(d.day), fill: color("c4"), r: 5, stroke: color("card"), strokeWidth: 1.5}),
        Plot.dot([last], {x: "day", y: "value", fill: color("c1"), r: 4.5}),
        Plot.text([last], {x: "day", y: "value", text: (d) => whole(d.value), textAnchor: "start", dx: 9, fontSize: 14,
          fontWeight: 700, fill: color("ink")}),
        ...[false, true].map((isLeft) => Plot.text(isNarrow ? [] : begun.filter((d) => d.isLeft === isLeft),
          {x: "day", y: (d) => at(d.row), text: "text", dx: isLeft ? -7 : 7, textAnchor: isLeft ? "end" : "start",
            fill: color("ink"), fontWeight: 550})),
      ],
    }, [...points, ...broadcasts], {x: "day", y: "value", title: "title"}, Plot.pointer);
  };
}
