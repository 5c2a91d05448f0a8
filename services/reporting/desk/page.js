// The one page: a statement whose every figure is a link to its explanation.
// The token comes in the fragment, which a browser sends to nobody, and stays in this tab.
"use strict";

const API = "/api/v1/reporting";
const asked = new URLSearchParams(location.hash.slice(1));
if (asked.get("token")) {
  sessionStorage.setItem("token", asked.get("token"));
  asked.delete("token");
  history.replaceState(null, "", location.pathname + (asked.size ? "#" + asked : ""));
}

async function get(path) {
  const token = sessionStorage.getItem("token");
  const headers = token ? { authorization: "Bearer " + token } : {};
  const answer = await fetch(path, { headers });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.title + "：" + body.detail);
  return body;
}

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function show(id, ...children) {
  document.getElementById(id).replaceChildren(...children);
}

function banner(text, wrong) {
  const place = document.getElementById("banner");
  place.textContent = text;
  place.hidden = !text;
  place.classList.toggle("wrong", Boolean(wrong));
}

function stopped(answer) {
  const told = Object.entries(answer.complete_to || {})
    .filter(([, reader]) => reader.stopped)
    .map(([source, reader]) => `${source} 止于 ${reader.position}：${reader.stopped}`);
  if (told.length) banner("数据不完整，" + told.join("；"), true);
}

async function listStatements() {
  const { items } = await get(API + "/statements");
  const links = items.map((item) =>
    element("li", {}, element("a", { href: `#statement=${item.statement}&area=${item.area}` }, item.title)));
  show("statements", element("ul", {}, ...links));
  if (!asked.get("statement") && items.length === 1)
    location.hash = `statement=${items[0].statement}&area=${items[0].area}`;
}

function explained(line) {
  const target = new URLSearchParams(location.hash.slice(1));
  target.set("explain", line.explanation);
  return element("a", { href: "#" + target }, line.printed);
}

async function showStatement(code, area) {
  const statement = await get(`${API}/statements/${encodeURIComponent(code)}?area=${encodeURIComponent(area)}`);
  stopped(statement);
  const rows = statement.lines.map((line) => element("tr", {},
    element("td", {}, line.label),
    element("td", { class: "number" }, explained(line)),
    element("td", {}, line.unit),
    element("td", { class: "number" }, String(line.events))));
  const head = ["项目", "数值", "单位", "事件数"].map((text, column) =>
    element("th", { scope: "col", class: column % 2 ? "number" : "" }, text));
  show("statement",
    element("h2", {}, statement.title),
    element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows)),
    element("p", {}, "截至 " + Object.entries(statement.cut).map(([log, at]) => `${log}:${at}`).join("，")));
}

function term(name, value) {
  return value ? [element("dt", {}, name), element("dd", {}, value)] : [];
}

async function showExplanation(path) {
  const why = await get(path);
  const sides = [why.numerator, why.denominator].filter(Boolean)
    .map((side) => `${side.title} = ${side.printed} ${side.unit}`);
  const population = why.population.map((side) => [side.label,
    ...side.where.map((filter) => `${filter.label}：${filter.values.join("、")}`)].join("，"));
  const entries = why.entries.map((entry) => element("tr", {},
    element("td", {}, `${entry.source} ${entry.id}`),
    element("td", {}, entry.event),
    element("td", {}, entry.effective_on),
    element("td", {}, entry.document || ""),
    element("td", { class: "number" }, String(entry.counted))));
  const documents = why.documents.map((one) => one.number + (one.title ? `《${one.title}》` : ""));
  show("explanation",
    element("h2", {}, `${why.title}：${why.printed} ${why.unit}`),
    element("dl", {}, ...term("公式", why.formula), ...term("分子与分母", sides.join("；")),
      ...term("口径", population.join("；")), ...term("文件", documents.join("；")),
      ...term("事件数", String(why.events))),
    element("table", {}, element("tbody", {}, ...entries)),
    element("p", {}, why.next ? "仅显示前若干条，其余见接口。" : ""));
  document.getElementById("explanation").focus();
}

async function route() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  banner((await get("/banner")).banner || "");
  show("explanation");
  try {
    await listStatements();
    if (wanted.get("statement")) await showStatement(wanted.get("statement"), wanted.get("area"));
    if (wanted.get("explain")) await showExplanation(wanted.get("explain"));
  } catch (error) {
    banner(error.message, true);
  }
}

window.addEventListener("hashchange", route);
route();
