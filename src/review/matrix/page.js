"use strict";
// Everything that comes from the policy is put into the page as text, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const make = (kind, name, text) => {
  const element = document.createElement(kind);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
};
const ROW = 28, HEAD = 150, COLUMN = 34, SPARE = 6, MANY = 500, PRINTED = 150000, PER_TABLE = 20;
const WORD = { yes: "\u25cf", if: "\u25d0", no: "\u00b7" };
const SAID = { yes: "yes", if: "yes, under conditions", no: "no" };
const grid = byId("grid"), canvas = byId("canvas"), head = byId("head"), rows = byId("rows");
const folded = new Set();
let columns = [], lines = [], at = { line: 0, column: 0 };

const routes = [];
data.services.forEach((service, number) => {
  service.routes.forEach(([methods, path, place, requires, conditions, pattern, conditional]) => {
    const text = [methods + " " + path, requires, place, service.name].join("\n").toLowerCase();
    routes.push({ service: number, methods, path, place, requires, conditions, conditional, pattern: data.patterns[pattern], text });
  });
});
if (data.services.length > 1 && routes.length > MANY) data.services.forEach((_, number) => folded.add(number));

const result = (route, column) => {
  const bit = (parseInt(route.pattern[column >> 2], 16) >> (column & 3)) & 1;
  return bit ? (route.conditional ? "if" : "yes") : "no";
};

const WANTED = {
  all: () => true,
  some: (route) => columns.some((column) => result(route, column) !== "no"),
  none: (route) => columns.every((column) => result(route, column) === "no"),
  if: (route) => columns.some((column) => result(route, column) === "if"),
  public: (route) => result(route, 0) !== "no",
  differ: (route) => new Set(columns.map((column) => result(route, column))).size > 1,
};

function filter() {
  const words = byId("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const named = byId("role").value.toLowerCase().split(",").map((word) => word.trim()).filter(Boolean);
  const service = byId("service").value, wanted = WANTED[byId("result").value];
  columns = data.columns.map((_, number) => number).filter((number) => {
    const name = data.columns[number].name.toLowerCase();
    // A whole name is that role alone; else every role that the word stands in.
    return !named.length || named.some((word) => exact.has(word) ? name === word : name.includes(word));
  });
  const fits = (route) =>
    (service === "" || route.service === Number(service)) &&
    words.every((word) => route.text.includes(word)) && wanted(route);
  const found = routes.filter(fits), open = words.length > 0 || byId("result").value !== "all";
  lines = [];
  let last;
  for (const route of found) {
    if (route.service !== last?.header) {
      last = { header: route.service, count: 0 };
      lines.push(last);
    }
    last.count += 1;
    if (open || !folded.has(last.header)) lines.push({ route });
  }
  byId("count").textContent = `${found.length} of ${routes.length} routes, ${columns.length} of ${data.columns.length} columns`;
  at = { line: Math.min(at.line, Math.max(0, lines.length - 1)), column: Math.min(at.column, Math.max(0, columns.length - 1)) };
  layout();
}

function layout() {
  canvas.style.height = `${HEAD + lines.length * ROW}px`;
  canvas.style.width = `calc(var(--label) + ${columns.length * COLUMN}px)`;
  canvas.style.minWidth = "100%";
  grid.setAttribute("aria-rowcount", String(lines.length + 1));
  grid.setAttribute("aria-colcount", String(columns.length + 1));
  draw();
}

const shown = () => {
  const label = head.firstElementChild.offsetWidth;
  const first = Math.max(0, Math.floor(grid.scrollTop / ROW) - SPARE);
  const left = Math.max(0, Math.floor(grid.scrollLeft / COLUMN) - SPARE);
  return {
    rows: [first, Math.min(lines.length, Math.ceil((grid.scrollTop + grid.clientHeight) / ROW) + SPARE)],
    columns: [left, Math.min(columns.length, Math.ceil((grid.scrollLeft + grid.clientWidth - label) / COLUMN) + SPARE)],
  };
};

// Only what can be seen is in the page: it stays quick with a million cells.
function draw() {
  const { rows: [first, end], columns: [left, right] } = shown();
  head.replaceChildren(head.firstElementChild);
  const gap = (parent) => {
    const space = make("div");
    space.style.flex = "none";
    space.style.width = `${left * COLUMN}px`;
    parent.append(space);
  };
  gap(head);
  for (let number = left; number < right; number += 1) {
    const column = data.columns[columns[number]];
    const role = make("div", columns[number] < 2 ? "role of-all" : "role");
    role.setAttribute("role", "columnheader");
    role.setAttribute("aria-colindex", String(number + 2));
    role.title = [column.name, ...column.notes.map((note) => data.notes[note - 1])].join("\n");
    const name = make("span", "", column.name + (column.notes.length ? " *" : ""));
    role.append(name);
    head.append(role);
  }
  const drawn = [];
  for (let number = first; number < end; number += 1) drawn.push(draw_line(number, left, right, gap));
  rows.replaceChildren(...drawn);
  if (!lines.length) rows.append(make("div", "none", "No route fits. Loosen the filters."));
  about();
}

function draw_line(number, left, right, gap) {
  const line = lines[number], row = make("div", "row");
  row.style.top = `${HEAD + number * ROW}px`;
  row.setAttribute("role", "row");
  row.setAttribute("aria-rowindex", String(number + 2));
  row.dataset.line = String(number);
  if (number === at.line) row.classList.add("here");
  const name = make("div", "name");
  name.setAttribute("role", "rowheader");
  row.append(name);
  if (line.header !== undefined) {
    const service = data.services[line.header], closed = lines[number + 1]?.route?.service !== line.header;
    row.classList.add("service");
    row.setAttribute("aria-expanded", String(!closed));
    name.id = `l${number}`;
    name.append(`${closed ? "\u25b8" : "\u25be"} ${service.name} `, make("i", "", `${line.count} route${line.count === 1 ? "" : "s"}`));
    name.title = service.notes.map((note) => data.notes[note - 1]).join("\n");
    if (number === at.line) name.classList.add("at");
    row.append(make("div", "fill"));
    return row;
  }
  const route = line.route;
  name.append(make("i", "", route.methods + " "), route.path);
  if (route.conditions.length) name.append(make("sup", "", " " + route.conditions.join(",")));
  name.title = `${route.methods} ${route.path}\n${route.requires}\n${route.place}`;
  gap(row);
  for (let column = left; column < right; column += 1) {
    const word = result(route, columns[column]);
    const cell = make("div", "cell " + (word === "no" ? "" : word), WORD[word]);
    cell.setAttribute("role", "gridcell");
    cell.setAttribute("aria-colindex", String(column + 2));
    cell.setAttribute("aria-label", `${data.columns[columns[column]].name}: ${SAID[word]}`);
    cell.dataset.column = String(column);
    if (number === at.line && column === at.column) {
      cell.id = `l${number}`;
      cell.classList.add("at");
    }
    row.append(cell);
  }
  return row;
}

function about() {
  const box = byId("about"), line = lines[at.line];
  grid.setAttribute("aria-activedescendant", `l${at.line}`);
  box.replaceChildren();
  if (!line) return;
  const paragraph = (...parts) => {
    const p = make("p");
    p.append(...parts);
    box.append(p);
  };
  const note = (number) => paragraph(`${number}. ${data.notes[number - 1]}`);
  if (line.header !== undefined) {
    paragraph(make("strong", "", data.services[line.header].name), ` \u2013 Enter opens or closes it.`);
    data.services[line.header].notes.forEach(note);
    return;
  }
  const route = line.route, column = data.columns[columns[at.column]];
  if (column) {
    const word = result(route, columns[at.column]);
    paragraph(make("strong", "", column.name), " on ", make("code", "", `${route.methods} ${route.path}`), ": ", make("strong", "", SAID[word]));
  }
  paragraph(`${route.requires} (${route.place})`);
  route.conditions.forEach(note);
  if (column) column.notes.forEach(note);
}

function go(line, column) {
  at = { line: Math.max(0, Math.min(lines.length - 1, line)), column: Math.max(0, Math.min(columns.length - 1, column)) };
  const label = head.firstElementChild.offsetWidth, top = at.line * ROW, left = at.column * COLUMN;
  const height = grid.clientHeight - HEAD, width = grid.clientWidth - label;
  if (top < grid.scrollTop) grid.scrollTop = top;
  if (top + ROW > grid.scrollTop + height) grid.scrollTop = top + ROW - height;
  if (left < grid.scrollLeft) grid.scrollLeft = left;
  if (left + COLUMN > grid.scrollLeft + width) grid.scrollLeft = left + COLUMN - width;
  draw();
}

function toggle(number) {
  const header = lines[number]?.header;
  if (header === undefined) return;
  if (!folded.delete(header)) folded.add(header);
  filter();
}

grid.addEventListener("keydown", (event) => {
  const page = Math.max(1, Math.floor((grid.clientHeight - HEAD) / ROW) - 1), { line, column } = at, all = event.ctrlKey;
  const keys = {
    ArrowUp: () => go(line - 1, column), ArrowDown: () => go(line + 1, column),
    ArrowLeft: () => go(line, column - 1), ArrowRight: () => go(line, column + 1),
    PageUp: () => go(line - page, column), PageDown: () => go(line + page, column),
    Home: () => go(all ? 0 : line, 0), End: () => go(all ? lines.length - 1 : line, columns.length - 1),
    Enter: () => toggle(line), " ": () => toggle(line),
  };
  if (keys[event.key] && !event.altKey && !event.metaKey) {
    event.preventDefault();
    keys[event.key]();
  }
});
grid.addEventListener("click", (event) => {
  const row = event.target.closest(".row"), cell = event.target.closest(".cell");
  if (!row) return;
  const line = Number(row.dataset.line);
  go(line, cell ? Number(cell.dataset.column) : at.column);
  toggle(line);
});
document.addEventListener("keydown", (event) => {
  const typing = ["INPUT", "SELECT"].includes(event.target.tagName);
  if (event.key === "/" && !typing) {
    event.preventDefault();
    byId("text").focus();
  }
  if (event.key === "Escape" && typing) grid.focus();
});
let waiting = false;
const soon = () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
};
grid.addEventListener("scroll", soon, { passive: true });
addEventListener("resize", soon);

// On paper there is no scrolling: what fits the filters, in plain tables.
addEventListener("beforeprint", () => {
  const box = byId("print"), found = lines.filter((line) => line.route).map((line) => line.route);
  if (found.length * columns.length > PRINTED) {
    box.replaceChildren(make("p", "", `${found.length} routes by ${columns.length} columns are too many for paper: filter them first.`));
    return;
  }
  const tables = [];
  data.services.forEach((service, number) => {
    const own = found.filter((route) => route.service === number);
    for (let from = 0; own.length && from < columns.length; from += PER_TABLE) {
      const part = columns.slice(from, from + PER_TABLE), table = make("table"), top = make("tr"), body = make("tbody");
      table.append(make("caption", "", service.name));
      top.append(make("th", "", "route"));
      for (const column of part) {
        const th = make("th");
        th.append(make("span", "", data.columns[column].name));
        top.append(th);
      }
      const thead = make("thead");
      thead.append(top);
      for (const route of own) {
        const tr = make("tr"), th = make("th", "", `${route.methods} ${route.path}`);
        if (route.conditions.length) th.append(make("sup", "", " " + route.conditions.join(",")));
        tr.append(th);
        for (const column of part) {
          const word = result(route, column);
          tr.append(make("td", word, WORD[word]));
        }
        body.append(tr);
      }
      table.append(thead, body);
      tables.push(table);
    }
  });
  const notes = make("ol");
  data.notes.forEach((note) => notes.append(make("li", "", note)));
  box.replaceChildren(...tables, notes);
});
addEventListener("afterprint", () => byId("print").replaceChildren());

data.services.forEach((service, number) => {
  const option = make("option", "", service.name);
  option.value = String(number);
  byId("service").append(option);
});
const exact = new Set(data.columns.map((column) => column.name.toLowerCase()));
data.columns.forEach((column) => {
  const option = make("option");
  option.value = column.name;
  byId("roles").append(option);
});
byId("sum").textContent = data.sum;
for (const id of ["text", "role"]) byId(id).addEventListener("input", filter);
for (const id of ["service", "result"]) byId(id).addEventListener("change", filter);
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("fold").addEventListener("click", () => {
  const all = folded.size < data.services.length;
  folded.clear();
  if (all) data.services.forEach((_, number) => folded.add(number));
  filter();
});
filter();
