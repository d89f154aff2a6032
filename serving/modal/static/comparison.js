// The table: plans side by side, what is offered on request last, own usage beside each limit.
import { CHECK, DASH, h, icon, newId, spoken } from "./dom.js";
import { price } from "./price.js";
import { blockerList, selection } from "./selection.js";

/** Draw the table into its box; `plans` are those to be shown, `recommended` is the code of one of them, if any. */
export function comparison(box, { comparison: table, enterprise }, how) {
  const { words, plans, family, every, differences } = how;
  const places = plans.map(({ plan }) => table.plans.indexOf(plan));
  const rows = table.rows
    .map(({ texts, values, over, offer_texts, offer_values, ...row }) => ({
      ...row,
      cells: places.map((at) => ({ text: texts[at], value: values[at], over: over?.[at] })),
      offers: offer_texts.map((text, at) => ({ text, value: offer_values[at] })),
    }))
    .filter(({ kind, cells, offers }) => every || kind !== "feature" || [...cells, ...offers].some(({ value }) => value !== false))
    .filter(({ cells }) => !differences || cells.some(({ text }) => text !== cells[0].text));
  const caption = newId("table");
  const columns = columnMarks(plans, how.recommended);
  box.setAttribute("aria-labelledby", caption);
  const drawn = h(
    "table",
    // Said anew, since a narrow window draws the rows as blocks, which some browsers then take for no table.
    { role: "table" },
    h("caption", { class: "spoken", id: caption }, words.say("all.caption", { family })),
    h("thead", { role: "rowgroup" }, headings(plans, columns, enterprise, how)),
    h("tbody", { role: "rowgroup" }, choices(plans, columns, enterprise, how)),
    table.groups.map(({ code, text }) => rowGroup(text, rows.filter(({ group }) => group === code), { columns, words })),
  );
  drawn.style.setProperty("--columns", plans.length + enterprise.offers.length);
  box.replaceChildren(drawn, rows.length === 0 ? h("p", { class: "note" }, words.say("all.no_differences")) : "");
}

const row = (attributes, ...cells) => h("tr", { role: "row", ...attributes }, ...cells);
const cell = (column, ...content) => h("td", { role: "cell", class: column }, ...content);
const rowName = (...content) => h("th", { scope: "row", role: "rowheader" }, ...content);
const columnName = (column, name, ...content) =>
  h("th", { scope: "col", role: "columnheader", class: column }, h("span", { class: "plan-name" }, name), ...content);

/** The class of each plan's column: it is the recommended one, or the one that is held. */
function columnMarks(plans, recommended) {
  return plans.map(({ plan, held }) => (plan === recommended ? "recommended" : held ? "held" : null));
}

function headings(plans, columns, { offers }, { words, recommended, tags }) {
  const heading = (plan, at) =>
    columnName(columns[at], plan.name, tags({ ...plan, recommended: plan.plan === recommended }, words), price(plan, words));
  return row(
    {},
    cell(null),
    plans.map(heading),
    offers.map(({ name, price_text }) => columnName(null, name, h("p", { class: "note" }, price_text))),
  );
}

function choices(plans, columns, { offers, action }, { words, select, contact }) {
  return row(
    { class: "choose" },
    rowName(words.say("all.choose")),
    plans.map((plan, at) => {
      const why = plan.selection.blockers.length > 0 ? newId("why") : null;
      return cell(columns[at], selection(plan, { words, select, why }), why && blockerList(why, plan.selection.blockers, words));
    }),
    offers.map(({ name }) =>
      cell(null, h("button", { type: "button", class: "secondary", "aria-label": `${action}: ${name}`, onclick: () => contact() }, action)),
    ),
  );
}

function rowGroup(text, rows, { columns, words }) {
  if (rows.length === 0) return null;
  const width = columns.length + rows[0].offers.length;
  return h(
    "tbody",
    { role: "rowgroup" },
    row({ class: "group" }, h("th", { scope: "rowgroup", role: "rowheader", colspan: width + 1 }, text)),
    rows.map(({ text: name, kind, used, used_text, cells, offers }) =>
      row(
        {},
        rowName(name, used_text && h("small", {}, used_text)),
        [...cells, ...offers].map((each, at) => cell(columns[at], kind === "feature" ? tick(each) : limit(each, used, words))),
      ),
    ),
  );
}

/** A limit with the share of it that is in use. */
function limit({ text, value, over }, used, words) {
  const known = used !== null && typeof value === "number" && value > 0;
  return [breakable(text), known && h("small", { class: over ? "over" : null }, words.percent(used / value))];
}

/** Narrow columns may break after a slash ("Gespräche/Monat"). */
const breakable = (text) => text.split(/(?<=\/)/).flatMap((part, at) => (at === 0 ? [part] : [h("wbr"), part]));

function tick({ value, text }) {
  if (typeof value !== "boolean") return text;
  return h("span", { class: value ? "yes" : "no" }, icon(value ? CHECK : DASH), spoken(text));
}
