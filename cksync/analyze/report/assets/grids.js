// Broadcasts, cohorts and grids of cells.
"use strict";
{
  const {NARROW, color, whole, decimal, percent, day, month, grid, named, cut, isolated, dated, plot, timeTicks} = report;

  Object.assign(report.draw, {
    // Each broadcast, and the rate over the recipients of the ten before it. Tiny ones are hollow, at the edge at most.
    sends(rows, {what, empty}, width, {period, comparing}) {
      const [start, end] = [new Date(period.start), new Date(period.end)];
      const all = dated(rows, "sent_on");
      const data = all.filter((d) => d.sent_on >= start && d.sent_on <= end);
      if (!data.length) return empty;
      const shift = end - new Date(period.before?.end ?? period.end);
      const past = comparing && period.before
        ? all.filter((d) => d.sent_on >= new Date(period.before.start) && d.sent_on <= new Date(period.before.end))
            .map((d) => ({...d, at: new Date(+d.sent_on + shift)})).filter((d) => !d.tiny)
        : [];
      const big = data.filter((d) => !d.tiny);
      const top = d3.max([...(big.length ? big : data), ...past], (d) => Math.max(d.rate, d.usual ?? 0)) * 1.05 || 1;
      const ticks = 5;
      const rate = (d) => Math.min(d.rate, top);
      const of = (verdict) => big.filter((d) => d.verdict === verdict);
      const title = (d) =>
        [d.subject == null ? "(no subject)" : isolated(d.subject), day(d.sent_on), `${what}: ${percent(d.rate)}`,
          d.usual == null ? null : `normal: ${percent(d.usual)}`, `${whole(d.recipients)} recipients`]
          .filter(Boolean).join("\n");
      const mark = (group, fill, symbol, r, rotate = 0) =>
        Plot.dot(group, {x: "sent_on", y: rate, fill: color(fill), symbol, r, rotate, stroke: color("card"),
          strokeWidth: 1});
      // The time in which broadcasts were sent, if that is little of all time.
      const first = period.name === "all" ? d3.min(data, (d) => d.sent_on) : start;
      const last = period.name === "all" ? d3.max(data, (d) => d.sent_on) : end;
      return plot({
        width, height: 260, marginLeft: 48, marginRight: 24, marginBottom: 38,
        x: {type: "utc", label: null, inset: 8, domain: [first, last], ticks: timeTicks(width)},
        y: {label: null, domain: [0, top], tickFormat: (d) => `${d} %`, ticks},
        marks: [
          Plot.gridY({...grid, ticks}),
          Plot.ruleY([0], {stroke: color("quiet")}),
          Plot.dot(past, {x: "at", y: "rate", stroke: color("soft"), strokeDasharray: "2,1.5", r: 4}),
          Plot.lineY(data, {x: "sent_on", y: (d) => (d.usual > top ? null : d.usual), stroke: color("ink"),
            strokeOpacity: 0.6, strokeWidth: 1.75}),
          Plot.dot(data.filter((d) => d.tiny), {x: "sent_on", y: rate, stroke: color("soft"), r: 3}),
          mark(of("near"), "soft", "circle", 4),
          mark(of("above"), "c1", "triangle", 5.5),
          mark(of("below"), "c2", "triangle", 5.5, 180),
        ],
      }, data, {x: "sent_on", y: rate, title}, Plot.pointer);
    },

    retention(rows, _, width) {
      const data = dated(rows, "cohort");
      const interval = d3.utcMonth;
      const ticks = 5;
      const title = (d) =>
        `joined in ${month(d.cohort)}\n${percent(d.retention_rate)} still active: ${whole(d.active)} of ${whole(d.size)}\n` +
        `95 % interval: ${percent(d.retention_low)} to ${percent(d.retention_high)}`;
      const domain = [d3.min(data, (d) => d.cohort), interval.offset(d3.max(data, (d) => d.cohort), 1)];
      return plot({
        width, height: 230, marginLeft: 48, marginRight: 24, marginBottom: 38,
        x: {type: "utc", label: null, domain, ticks: timeTicks(width)},
        y: {label: null, domain: [0, 100], tickFormat: (d) => `${d} %`, ticks},
        marks: [
          Plot.gridY({...grid, ticks}),
          Plot.rectY(data, {x: "cohort", interval, y1: "retention_low", y2: "retention_high", fill: color("soft"),
            fillOpacity: 0.28, insetLeft: 3, insetRight: 3, rx: 3}),
          Plot.rectY(data, {x: "cohort", interval, y1: (d) => d.retention_rate - 0.6, y2: (d) => d.retention_rate + 0.6,
            fill: color("c1"), insetLeft: 3, insetRight: 3}),
          Plot.ruleY([0], {stroke: color("quiet")}),
        ],
      }, data, {x: (d) => d3.utcDay.offset(d.cohort, 14), y: "retention_rate", title}, Plot.pointerX);
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
        xName: namesOf(months, width), yName: (time) => month(new Date(time))});
    },

    overlap(rows, {ids, names}, width) {
      const isNarrow = width < NARROW;
      const shown = isNarrow ? ids.slice(0, 8) : ids;
      const name = new Map(ids.map((id, place) => [id, names[place]]));
      const title = (d) =>
        `${named(d.tag)}\nalso ${named(d.with_tag)}: ${percent(d.share)}\n${whole(d.people)} people · lift ${decimal(d.lift)}`;
      const data = rows.filter((d) => shown.includes(d.tag_id) && shown.includes(d.with_id));
      return heat(data, {x: "with_id", y: "tag_id", rate: "share", title, width, left: isNarrow ? 106 : 190,
        right: 62, top: isNarrow ? 92 : 118, rotate: -45, xDomain: shown, yDomain: shown, low: 0,
        xName: (id) => cut(name.get(id), isNarrow ? 14 : 18), yName: (id) => cut(name.get(id), isNarrow ? 13 : 26)});
    },

    // Weekdays across hours; the fuller, the more were opened. Slots with few broadcasts are pale.
    slots(rows, {few, days}, width) {
      const hours = d3.sort(new Set(rows.map((d) => d.hour)));
      const found = d3.range(1, 8).filter((each) => rows.some((d) => d.weekday === each));
      const strength = d3.scaleLinear([0, d3.max(rows, (d) => d.open_rate) || 1], [0, 100]);
      const data = rows.map((d) => ({...d, share: d.sends < few ? 0 : strength(d.open_rate)}));
      const left = 78;
      const room = (width - left) / hours.length;
      const title = (d) =>
        `${d.name}\nOpen rate: ${percent(d.open_rate)}\nClick rate: ${percent(d.click_rate)}\n` +
        `${whole(d.sends)} broadcasts, ${whole(d.recipients)} recipients`;
      return heat(data, {x: "hour", y: "weekday", rate: "share", title, left, low: 0,
        width: Math.min(width, left + hours.length * 120), xDomain: hours, yDomain: found,
        text: (d) => (room > 90 ? `${percent(d.open_rate)} · ${d.sends} sent` : d.open_rate.toFixed(0)),
        xName: (hour) => (room > 40 ? `${String(hour).padStart(2, "0")}:00` : String(hour)), yName: (each) => days[each - 1]});
    },
  });

  // Names of months, as many as there is room for.
  function namesOf(months, width) {
    const every = Math.ceil((months.length * 34) / (width - 80));
    const format = d3.utcFormat(months.length > width / 60 ? "%b" : "%b %y");
    return (time) => (months.indexOf(time) % every ? "" : format(new Date(time)));
  }

  // Cells of shares in percent: the more, the stronger.
  function heat(rows, {x, y, rate, title, width, left, right = 6, top = 30, rotate = 0, low, text, xDomain, yDomain, xName, yName}) {
    // Half of the colour at most, so that the number in it can be read in light and dark.
    const strength = d3.scaleLinear([low, 100], [0.06, 0.52]).clamp(true);
    const hasText = (width - left - right) / xDomain.length > 25;
    return plot({
      width, height: yDomain.length * 30 + top + 10, marginLeft: left, marginTop: top, marginRight: right,
      marginBottom: 6,
      x: {type: "band", domain: xDomain, axis: "top", label: null, tickSize: 0, tickFormat: xName, tickRotate: rotate,
        padding: 0.06},
      y: {type: "band", domain: yDomain, label: null, tickSize: 0, tickFormat: yName, padding: 0.08},
      opacity: {type: "identity"},
      marks: [
        Plot.cell(rows, {x, y, fill: color("c1"), fillOpacity: (d) => strength(d[rate]), rx: 3}),
        hasText
          ? Plot.text(rows, {x, y, text: text ?? ((d) => d[rate].toFixed(0)), fontSize: 11.5, fill: color("ink"),
              pointerEvents: "none"})
          : null,
      ],
    }, rows, {x, y, title}, Plot.pointer);
  }
}
