// Tables: sorted by their headings, filtered by words and by the chosen period, and saved as CSV.
"use strict";
{
  const MANY = 8; // rows from which a filter helps
  const said = document.getElementById("said");
  const create = (name, of = {}) => Object.assign(document.createElement(name), of);
  const valueOf = (cell) => cell.dataset.value ?? cell.textContent.trim();
  const isText = (cell) => cell.dataset.value === undefined;

  // Numbers by size, days and texts by their order; what is unknown comes last.
  function compared(one, other) {
    const [left, right] = [valueOf(one), valueOf(other)];
    if (left === "" || right === "") return left === right ? 0 : left === "" ? Infinity : -Infinity;
    const [first, second] = [Number(left), Number(right)];
    if (!isText(one) && !Number.isNaN(first) && !Number.isNaN(second)) return first - second;
    return left.localeCompare(right, "en", {numeric: true});
  }

  function sort(table, place, isDown) {
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((one, other) => {
      const order = compared(one.cells[place], other.cells[place]);
      return Number.isFinite(order) ? (isDown ? -order : order) : order > 0 ? 1 : -1;
    });
    body.append(...rows);
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (column === place) head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }

  // A spreadsheet runs a text that begins with one of these as a formula; as in cksync's own CSV files it gets a '.
  const guarded = (text) => (/^'*[=+\-@\t\r\n]/.test(text) ? `'${text}` : text);
  const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const csv = (table) =>
    [table.tHead.rows[0], ...[...table.tBodies[0].rows].filter((row) => !row.hidden)]
      .map((row) => [...row.cells].map((cell) => {
        const text = valueOf(cell) === "–" ? "" : valueOf(cell);
        return quoted(isText(cell) ? guarded(text) : text);
      }).join(",") + "\r\n").join("");

  function save(table, title) {
    const place = URL.createObjectURL(new Blob(["\ufeff", csv(table)], {type: "text/csv"}));
    const name = title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "table";
    create("a", {href: place, download: `${name}.csv`}).click();
    URL.revokeObjectURL(place);
    said.textContent = `${name}.csv saved`;
  }

  // Hide the rows outside of the period, and those without the words.
  function filter(table) {
    const words = (table.words?.value ?? "").trim().toLowerCase();
    const {start, end} = report.period ?? {};
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const day = row.dataset.day;
      const isOutside = day !== undefined && start && (day < start || day > end);
      row.hidden = isOutside || (words !== "" && !row.textContent.toLowerCase().includes(words));
      shown += !row.hidden;
    }
    const all = table.tBodies[0].rows.length;
    if (table.count) table.count.textContent = shown === all ? `${all} rows` : `${shown} of ${all} rows`;
  }

  function equip(table) {
    const scroll = table.closest(".scroll");
    const title = scroll.getAttribute("aria-label");
    [...table.tHead.rows[0].cells].forEach((head, place) => {
      const button = create("button", {type: "button", className: "sort"});
      button.append(...head.childNodes);
      head.append(button);
      const isNumber = !head.classList.contains("text");
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        sort(table, place, now ? now === "ascending" : isNumber);
        said.textContent = `Sorted by ${button.textContent}, ${head.getAttribute("aria-sort")}`;
      });
    });
    const tools = create("div", {className: "tools"});
    if (table.tBodies[0].rows.length >= MANY) {
      table.words = create("input", {type: "search", placeholder: "Filter"});
      table.words.setAttribute("aria-label", `Filter: ${title}`);
      table.words.addEventListener("input", () => { filter(table); said.textContent = table.count.textContent; });
      tools.append(table.words);
    }
    table.count = create("span", {className: "count"});
    const button = create("button", {type: "button", className: "save", textContent: "Download CSV"});
    button.setAttribute("aria-label", `Download CSV: ${title}`);
    button.addEventListener("click", () => save(table, title));
    tools.append(table.count, button);
    scroll.before(tools);
    filter(table);
  }

  const tables = [...document.querySelectorAll("table")];
  report.csv = csv;
  report.equip = () => tables.forEach(equip);
  report.filter = () => tables.forEach(filter);
}
