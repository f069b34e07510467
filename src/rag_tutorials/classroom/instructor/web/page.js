// Draws the class, again and again. What has not changed is not touched: scrolling, focus and
// whatever is read aloud stay where they are. Texts are texts, never markup: students wrote some.
"use strict";

const EVERY_MS = 2000;
const ALL = "all";
const WIDE = 7; // columns that have room for their titles
const SIGNS = { passed: "✓", tried: "✗", stuck: "!", "not started": "○", unable: "?" };
const SAID = {
  passed: "passed", tried: "not yet", stuck: "stuck", "not started": "not started",
  unable: "cannot check", "": "nothing yet",
};
const NEED = { stuck: 0, silent: 1, behind: 2 };

const at = (id) => document.getElementById(id);
const kept = (name, otherwise) => localStorage.getItem(`class-${name}`) ?? otherwise;
const keep = (name, value) => localStorage.setItem(`class-${name}`, value);

let state = null;
let tag = "";
let lesson = kept("lesson", ""); // chosen; "" follows the class
let exercise = ""; // chosen; "" is the one where most have not passed
let alive = true;

// Small helpers

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function set(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

function make(tagName, text = "", name = "") {
  const node = document.createElement(tagName);
  node.textContent = text;
  if (name) node.className = name;
  return node;
}

// Give `parent` one child for each item, in order; a child is known again by its key.
function draw(parent, items, keyOf, create, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const focused = document.activeElement;
  let place = parent.firstChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = old.get(key);
    if (child) old.delete(key);
    else {
      child = create(item);
      child.dataset.key = key;
    }
    if (child === place) place = place.nextSibling;
    else parent.insertBefore(child, place);
    update(child, item);
  }
  for (const child of old.values()) child.remove();
  if (focused && focused !== document.activeElement && focused.isConnected) {
    focused.focus({ preventScroll: true }); // it was moved
  }
}

// A sentence with its back-ticked parts as code.
function prose(node, text) {
  if (node.dataset.text === text) return;
  node.dataset.text = text;
  node.replaceChildren(
    ...text.split("`").map((part, n) => (n % 2 ? make("code", part) : document.createTextNode(part))),
  );
}

const times = (n) => (n === 1 ? "1 check" : `${n} checks`);
const students = (n) => (n === 1 ? "1 student" : `${n} students`);
const minutes = (n) => (n < 120 ? `${n} min` : n < 2880 ? `${Math.round(n / 60)} h` : `${Math.round(n / 1440)} days`);
const clock = (moment) => new Date(moment).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

// Who is who

function nameOf(student) {
  const way = at("names").value;
  if (way === "names") return student.name;
  if (way === "numbers") return `Student ${student.number}`;
  const words = student.name.replace(/ \(.*\)$/, "").match(/\p{L}[\p{L}\p{M}’']*/gu) ?? [];
  const letters = words.slice(0, 4).map((word) => [...word][0]).join("").toUpperCase();
  return `${letters} ${student.number}`.trim(); // two may have the same initials
}

const byNumber = (number) => state.students.find((one) => one.number === number);
const shownLesson = () => (lesson === "" ? state.lesson : lesson);
const lessonOf = (number) => state.lessons.find((one) => one.number === number);

function need(student) {
  const some = student.signs.map((word) => NEED[word]).filter((n) => n !== undefined);
  return some.length ? Math.min(...some) : student.signs.includes("absent") ? 9 : 5;
}

const passedBy = (student) => Object.values(student.cells).filter(([how]) => how === "passed").length;

function inOrder() {
  const order = at("order").value;
  const numbers = at("names").value === "numbers";
  const byName = numbers
    ? (a, b) => a.number - b.number
    : (a, b) => a.name.localeCompare(b.name) || a.number - b.number;
  const compare = {
    name: byName,
    need: (a, b) => need(a) - need(b) || byName(a, b),
    passed: (a, b) => passedBy(b) - passedBy(a) || byName(a, b),
  };
  return [...state.students].sort(compare[order]);
}

// The table

function columns() {
  const number = shownLesson();
  if (number !== ALL) return lessonOf(number)?.exercises ?? [];
  return state.lessons.map((one) => ({ id: one.number, title: one.title, lesson: one }));
}

function cellOf(student, column) {
  if (column.lesson) {
    const ids = column.lesson.exercises.map((one) => one.id);
    const states = ids.map((id) => student.cells[id]?.[0] ?? "");
    const passed = states.filter((how) => how === "passed").length;
    const how = states.includes("stuck") ? "stuck"
      : passed === ids.length ? "passed"
      : states.includes("tried") ? "tried"
      : passed || states.some(Boolean) || student.opened.includes(column.id) ? "not started" : "";
    const sign = { stuck: "!", passed: "✓", tried: "✗", "not started": passed ? "" : "○" }[how];
    return {
      how, sign, count: how && (passed || how === "tried" || how === "stuck") ? `${passed}/${ids.length}` : "",
      words: `${passed} of ${ids.length} passed${how === "stuck" ? ", stuck" : ""}`,
    };
  }
  let [how, tries] = student.cells[column.id] ?? ["", 0];
  if (!how && student.opened.includes(column.id.slice(0, 2))) how = "not started";
  const counted = how === "tried" || how === "stuck" || (how === "passed" && tries > 1);
  return {
    how, sign: SIGNS[how] ?? "", count: counted ? String(tries) : "",
    words: SAID[how] + (counted ? `, ${times(tries)}` : ""),
  };
}

function drawHead() {
  const head = at("table").tHead;
  if (!head.rows.length) {
    const corner = make("th", "Student");
    corner.scope = "col";
    corner.dataset.key = "corner";
    head.insertRow().append(corner);
  }
  const wide = columns().length <= WIDE;
  const create = (column) => {
    const cell = make("th");
    cell.scope = "col";
    const button = make("button");
    button.type = "button";
    button.append(make("b"), make("span", "", "title"), make("span", "", "share"));
    button.addEventListener("click", () => {
      if (column.lesson) choose(column.id);
      else {
        exercise = exercise === column.id ? "" : column.id;
        redraw();
      }
    });
    cell.append(button);
    return cell;
  };
  draw(head.rows[0], [null, ...columns()], (column) => (column ? column.id : "corner"), create, (cell, column) => {
    if (!column) return;
    const button = cell.firstChild;
    const [id, title, share] = button.children;
    put(id, column.id);
    put(title, wide ? column.title : "");
    set(button, "title", column.title);
    if (column.lesson) put(share, column.lesson.here ? `${column.lesson.here} here` : "");
    else {
      put(share, `${column.passed} of ${state.students.length}`);
      set(button, "aria-pressed", String(shownExercise() === column.id));
      set(button, "aria-label", `${column.id} ${column.title}: ${column.passed} of ${state.students.length} passed; show what its checks say`);
    }
  });
}

function createRow(student) {
  const row = document.createElement("tr");
  const head = make("th");
  head.scope = "row";
  head.dataset.key = "name";
  row.append(head);
  return row;
}

function drawName(head, student) {
  const kind = student.trace ? "A" : "SPAN";
  if (head.firstChild?.tagName !== kind) {
    const node = make(kind);
    node.append(make("span", "", "name"), make("span", "", "sign"));
    if (student.trace) {
      node.href = `/trace/${student.number}`;
      node.target = "_blank";
      node.rel = "noopener";
    }
    head.replaceChildren(node);
  }
  const [name, sign] = head.firstChild.children;
  put(name, nameOf(student));
  const signs = student.signs.filter((word) => word !== "absent");
  if (student.dropped) signs.push(`${student.dropped} spans dropped`);
  put(sign, signs.join(", ") || (student.signs.includes("absent") ? (student.ago === null ? "not joined" : "gone") : ""));
  set(head.firstChild, "title", student.trace ? `${nameOf(student)}: open the newest trace` : nameOf(student));
}

function drawCell(cell, student, column) {
  const { how, sign, count, words } = cellOf(student, column);
  const key = `${how} ${sign} ${count}`;
  const label = `${nameOf(student)}, ${column.id}: ${words}`;
  const kind = column.lesson ? "BUTTON" : how && student.cells[column.id] ? "A" : "SPAN";
  if (cell.firstChild?.tagName !== kind) {
    const node = make(kind);
    node.append(make("span"), make("small"));
    if (kind === "BUTTON") {
      node.type = "button";
      node.addEventListener("click", () => choose(column.id));
    } else if (kind === "A") {
      node.href = `/trace/${student.number}/${column.id}`;
      node.target = "_blank";
      node.rel = "noopener";
    }
    const focused = cell.contains(document.activeElement);
    cell.replaceChildren(node);
    if (focused) node.focus({ preventScroll: true });
  }
  const node = cell.firstChild;
  if (cell.dataset.value !== key) {
    cell.className = how === "not started" ? "untouched" : how;
    if (cell.dataset.value !== undefined) {
      void cell.offsetWidth; // or an animation that runs does not begin again
      cell.classList.add("new");
    }
    cell.dataset.value = key;
    put(node.children[0], sign);
    put(node.children[1], count);
  }
  if (kind === "SPAN") {
    set(node, "role", how ? "img" : null);
    set(node, "aria-label", how ? words : null);
  } else set(node, "aria-label", label);
}

let drawnFor = "";

function drawTable() {
  const body = at("table").tBodies[0];
  const number = shownLesson();
  if (drawnFor !== number) {
    body.replaceChildren();
    drawnFor = number;
  }
  const one = lessonOf(number);
  put(at("board-title"), one ? `${one.number} ${one.title}` : "All lessons");
  const some = columns();
  at("table").className = some.length > WIDE ? "dense" : "";
  drawHead();
  draw(body, inOrder(), (student) => student.number, createRow, (row, student) => {
    row.className = student.signs.includes("absent") ? "absent" : "";
    draw(row, [null, ...some], (column) => (column ? column.id : "name"), () => make("td"), (cell, column) => {
      if (column) drawCell(cell, student, column);
      else drawName(cell, student);
    });
  });
  rove();
}

// One cell of the table is in the order of Tab; arrows lead to the others.
function stops() {
  return [...at("table").rows].map((row) => [...row.cells].map((cell) => cell.querySelector("a, button")));
}

function rove(target = null) {
  const all = stops().flat().filter(Boolean);
  const chosen = target ?? all.find((node) => node.tabIndex === 0 && node.dataset.stop) ?? all[0];
  for (const node of all) {
    const index = node === chosen ? 0 : -1;
    if (node.tabIndex !== index || !node.hasAttribute("tabindex")) node.tabIndex = index;
    if (node === chosen) node.dataset.stop = "1";
    else delete node.dataset.stop;
  }
}

function move(event) {
  const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
  const step = steps[event.key];
  if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
  const grid = stops();
  let row = grid.findIndex((some) => some.includes(event.target));
  if (row < 0) return;
  let column = grid[row].indexOf(event.target);
  event.preventDefault();
  do {
    row += step[0];
    column += step[1];
    if (!grid[row] || column < 0 || column >= grid[row].length) return;
  } while (!grid[row][column]); // what has nothing to open is passed over
  grid[row][column].focus();
}

// The rest

function shownExercise() {
  const one = lessonOf(shownLesson());
  if (!one) return exercise;
  const ids = one.exercises.map((each) => each.id);
  if (ids.includes(exercise)) return exercise;
  const now = (id) => Math.max(0, ...(state.said[id] ?? []).map((said) => said.now));
  return ids.reduce((best, id) => (now(id) > now(best) ? id : best), ids[0] ?? "");
}

function drawLessons() {
  const all = [...state.lessons, { number: ALL, title: "All lessons", here: 0 }];
  const create = (one) => {
    const button = make("button");
    button.type = "button";
    button.append(make("span"), make("small"));
    button.addEventListener("click", () => choose(one.number));
    return button;
  };
  draw(at("lessons"), all, (one) => one.number, create, (button, one) => {
    put(button.children[0], one.number === ALL ? "All" : one.number);
    put(button.children[1], one.here ? `${one.here} here` : " ");
    set(button, "aria-pressed", String(shownLesson() === one.number));
    set(button, "aria-label", `${one.number === ALL ? "" : `${one.number} `}${one.title}${one.here ? `, ${one.here} here` : ""}`);
    set(button, "title", one.title);
  });
  set(at("follow"), "aria-pressed", String(lesson === ""));
}

function drawFigures() {
  const one = lessonOf(shownLesson());
  const count = (word) => state.signs.filter((sign) => sign.word === word).length;
  const figures = [[`${state.present}`, `of ${state.students.length} here`]];
  if (one) {
    const passed = one.exercises.reduce((sum, each) => sum + each.passed, 0);
    const of = one.exercises.length * state.students.length;
    figures.push([of ? `${Math.round((100 * passed) / of)} %` : "0 %", `of ${one.number} passed`]);
  }
  figures.push([`${count("stuck")}`, "stuck"], [`${count("silent")}`, "silent"], [`${count("behind")}`, "behind"]);
  const create = () => {
    const group = make("div");
    group.append(make("dt"), make("dd"));
    return group;
  };
  draw(at("figures"), figures, ([, words]) => words.replace(/\d+/g, "#"), create, (group, [value, words]) => {
    put(group.children[0], words);
    put(group.children[1], value);
  });
}

function who(numbers, longest = 8) {
  const names = numbers.map(byNumber).filter(Boolean).map(nameOf);
  const more = names.length - longest;
  return more > 0 ? `${names.slice(0, longest).join(", ")} and ${more} more` : names.join(", ");
}

function drawLook() {
  const items = state.alike.filter((one, n, all) => all.findIndex((other) => other.exercise === one.exercise) === n).slice(0, 3).map((one) => ({
    key: `alike ${one.exercise}`, kind: "alike", exercise: one.exercise,
    head: `${one.exercise}: ${one.students} of ${state.present} are told the same. Stop and explain?`, text: one.text,
  }));
  const stuck = new Map();
  for (const sign of state.signs.filter((each) => each.word === "stuck")) {
    stuck.set(sign.exercise, [...(stuck.get(sign.exercise) ?? []), sign]);
  }
  for (const [id, some] of [...stuck].sort(([, a], [, b]) => b.length - a.length)) {
    const names = some.map((sign) => `${nameOf(byNumber(sign.student))} (${times(sign.tries)}, ${minutes(sign.minutes)})`);
    items.push({ key: `stuck ${id}`, kind: "stuck", exercise: id, head: `Stuck in ${id}: ${students(some.length)}`, text: names.join(", ") });
  }
  for (const [word, title] of [["silent", "Silent"], ["behind", "Far behind"]]) {
    const some = state.signs.filter((each) => each.word === word);
    if (!some.length) continue;
    const names = some.map((sign) => nameOf(byNumber(sign.student)) + (word === "silent" ? ` (${minutes(sign.minutes)})` : ""));
    items.push({ key: word, kind: word, head: `${title}: ${students(some.length)}`, text: names.join(", ") });
  }
  const missing = state.signs.filter((sign) => sign.word === "absent" && byNumber(sign.student).ago === null);
  if (missing.length) {
    items.push({ key: "missing", kind: "missing", head: `Not joined: ${students(missing.length)}`, text: who(missing.map((sign) => sign.student), 12) });
  }
  const lost = state.students.filter((one) => one.dropped);
  if (lost.length) {
    items.push({ key: "dropped", kind: "dropped", head: "Spans dropped", text: lost.map((one) => `${nameOf(one)} ${one.dropped}`).join(", ") });
  }
  if (!items.length) items.push({ key: "none", kind: "none", head: "Nobody needs you just now.", text: "" });
  const create = (one) => {
    const item = make("li");
    const head = make(one.exercise ? "button" : "b");
    if (one.exercise) {
      head.type = "button";
      head.addEventListener("click", () => choose(one.exercise.slice(0, 2), one.exercise));
    }
    item.append(head, make("p"));
    return item;
  };
  draw(at("look"), items, (one) => one.key, create, (item, one) => {
    item.className = one.kind;
    put(item.children[0], one.head);
    prose(item.children[1], one.text);
  });
}

function drawSaid() {
  const id = shownExercise();
  const task = state.lessons.flatMap((one) => one.exercises).find((one) => one.id === id);
  put(at("said-title"), task ? `What checks say: ${id} ${task.title}` : "What checks say");
  const create = () => {
    const item = make("li");
    item.append(make("span", "", "count"), make("p"));
    return item;
  };
  const said = state.said[id] ?? [];
  const items = said.length ? said : [{ text: id ? "Nothing but “passed” so far." : "Choose a lesson, then an exercise.", students: [], now: 0, checks: 0 }];
  draw(at("said"), items, (one) => `${id} ${one.text}`, create, (item, one) => {
    const others = one.students.length > one.now ? `, ${one.students.length} in all` : "";
    put(item.children[0], one.checks ? `${one.now ? students(one.now) : "nobody"} now${others}` : "");
    prose(item.children[1], one.text);
    set(item, "title", one.checks ? `${times(one.checks)}: ${who(one.students)}` : "");
  });
}

function drawGuesses() {
  const one = lessonOf(shownLesson());
  const items = (one?.predictions ?? []).filter((each) => each.made).map((each) => ({
    key: each.id, count: `${each.right} of ${each.made} right`, title: `${each.id} ${each.title}`,
  }));
  for (const [name, quiz] of Object.entries(state.quizzes)) {
    items.push({ key: name, count: `${quiz.median} of ${quiz.of}`, title: `${name} quiz: median of ${students(quiz.students)}` });
  }
  if (!items.length) items.push({ key: "none", count: "", title: "None made yet." });
  const create = () => {
    const item = make("li");
    item.append(make("span", "", "count"), document.createTextNode(" "), make("span", "", "quiet"));
    return item;
  };
  draw(at("guesses"), items, (each) => each.key, create, (item, each) => {
    put(item.children[0], each.count);
    prose(item.children[1], each.title);
  });
}

function drawTrouble() {
  const box = at("trouble");
  let text = state?.trouble ?? "";
  if (!alive) text = "The program that serves this page has ended; start it again with `python scripts/course.py class page`.";
  if (text && state?.read) text += ` What you see is of ${clock(state.read)}.`;
  else if (text) text += " Nothing was read yet.";
  put(box, text.replaceAll("`", ""));
  box.hidden = !text;
  put(at("read"), state?.read ? `As of ${clock(state.read)}` : "");
}

function drawFixed() {
  if (at("words").children.length) return;
  for (const [word, text] of Object.entries(state.words)) at("words").append(make("dt", word), make("dd", text));
  const legend = [["passed", "✓", "passed"], ["passed", "✓ 3", "at the third check"], ["tried", "✗ 2", "two checks, not yet"],
    ["stuck", "! 5", "stuck"], ["unable", "?", "cannot check"], ["", "○", "opened, not started"]];
  for (const [name, sign, text] of legend) {
    const item = make("span");
    item.append(make("i", sign, name), document.createTextNode(text));
    at("legend").append(item);
  }
}

function redraw() {
  drawTrouble();
  if (!state?.lessons) return;
  drawFixed();
  drawLessons();
  drawFigures();
  drawTable();
  drawLook();
  drawSaid();
  drawGuesses();
}

function choose(number, task = "") {
  lesson = number === state.lesson && lesson === "" && task ? "" : number;
  exercise = task;
  keep("lesson", lesson);
  redraw();
}

// What a cell is about: of the one under the pointer, or with the focus

let asked = "";

async function detail(node) {
  const cell = node?.closest?.("td");
  const row = cell?.parentElement;
  const column = cell && !columns()[0]?.lesson ? cell.dataset.key : "";
  const key = column ? `${row.dataset.key}/${column}` : "";
  if (key === asked) return;
  asked = key;
  if (!key || !cell.querySelector("a")) {
    put(at("detail"), "");
    return;
  }
  try {
    const found = await (await fetch(`/cell/${key}`)).json();
    if (asked !== key) return;
    const words = [nameOf(byNumber(Number(row.dataset.key))), column, SAID[found.state]];
    if (found.tries) words.push(times(found.tries));
    if (found.when) words.push(clock(found.when));
    put(at("detail"), words.join(" · ") + (found.sentence ? `: ${found.sentence}` : ""));
  } catch {
    put(at("detail"), "");
  }
}

async function update() {
  try {
    const answer = await fetch("/state", { headers: tag ? { "if-none-match": tag } : {}, cache: "no-store" });
    const was = alive;
    alive = true;
    if (answer.status === 200) {
      state = await answer.json();
      tag = answer.headers.get("etag") ?? "";
      redraw();
    } else if (!was) drawTrouble();
  } catch {
    alive = false;
    drawTrouble();
  }
  setTimeout(update, EVERY_MS);
}

for (const id of ["names", "order"]) {
  at(id).value = kept(id, at(id).value);
  at(id).addEventListener("change", () => {
    keep(id, at(id).value);
    asked = "";
    put(at("detail"), "");
    redraw();
  });
}
at("follow").addEventListener("click", () => choose(""));
at("table").addEventListener("keydown", move);
at("table").addEventListener("focusin", (event) => {
  if (event.target.matches("a, button")) rove(event.target);
  detail(event.target);
});
at("table").addEventListener("mouseover", (event) => detail(event.target));
update();
