// "View all": every plan side by side in a table, and what is on offer.
import { price, selection } from "./cards.js";
import { CHECK, DASH, h, icon, newId, spoken } from "./dom.js";

const ALL = "*";

/**
 * All plans: promotions, a choice of families, a switch, and the table.
 * `view` ({family, differences}) is kept by the caller, so that the choices outlive a reload.
 */
export function catalogue(onSale, { words, select, view }) {
  const families = onSale.families.length > 1 ? [...onSale.families, { code: ALL, name: words.say("all.every") }] : [];
  if (!families.some(({ code }) => code === view.family)) view.family = onSale.families[0]?.code ?? ALL;
  const box = h("div", { class: "table-box", part: "table", role: "region", tabindex: 0 });
  const draw = () => drawTable(box, onSale, { words, select, view });
  draw();
  return [
    promotions(onSale, words),
    h(
      "div",
      { class: "tools" },
      families.length > 0 &&
        radios({
          legend: words.say("all.families"),
          options: families,
          chosen: view.family,
          choose: (code) => draw((view.family = code)),
        }),
      h(
        "label",
        { class: "switch" },
        h("input", {
          type: "checkbox",
          role: "switch",
          checked: view.differences,
          onchange: ({ target }) => draw((view.differences = target.checked)),
        }),
        h("span", {}, words.say("all.differences")),
      ),
    ),
    box,
  ];
}

/** A group of radio buttons drawn as one segmented control; the legend is read aloud. */
export function radios({ legend, options, chosen, choose }) {
  const name = newId("choice");
  return h(
    "fieldset",
    { class: "segments", part: "segments" },
    h("legend", { class: "spoken" }, legend),
    options.map((option) =>
      h(
        "label",
        {},
        h("input", {
          type: "radio",
          name,
          value: option.code,
          checked: option.code === chosen,
          onchange: () => choose(option.code),
        }),
        h("span", {}, option.name),
      ),
    ),
  );
}

/** What a year costs less than twelve months of the same plan; no text where it costs no less. */
export function saving(month, year, words) {
  const yearly = new Map(year.plans.map(({ plan, price }) => [plan, price.amount_cents]));
  const shares = month.plans
    .filter(({ plan, price }) => yearly.has(plan) && price.amount_cents > 0)
    .map(({ plan, price }) => Math.floor(100 - (100 * yearly.get(plan)) / (12 * price.amount_cents)));
  const best = Math.max(0, ...shares);
  if (best === 0) return "";
  const key = shares.every((share) => share === best) ? "interval.saving" : "interval.saving_up_to";
  return words.say(key, { percent: words.percent(best / 100) });
}

function promotions({ promotions: list, plans }, words) {
  if (list.length === 0) return null;
  const names = new Map(plans.map(({ plan, name }) => [plan, name]));
  return h(
    "div",
    { class: "promotions", part: "promotions" },
    h("h4", {}, words.say("promotions.title")),
    h(
      "ul",
      {},
      list.map((promotion) => {
        const sold = promotion.plans.filter((code) => names.has(code)).map((code) => names.get(code));
        return h(
          "li",
          {},
          h("strong", {}, promotion.text),
          sold.length > 0 && h("span", {}, words.say("promotions.plans", { plans: sold.join(", ") })),
          promotion.ends_at && h("span", {}, words.say("promotions.until", { date: words.lastDay(promotion.ends_at) })),
        );
      }),
    ),
  );
}

function drawTable(box, { plans, comparison, families }, { words, select, view }) {
  const shown = plans.filter(({ family }) => view.family === ALL || family === view.family);
  const columns = shown.map(({ plan }) => comparison.plans.indexOf(plan));
  const rows = comparison.rows
    .map(({ texts, values, ...row }) => ({
      ...row,
      cells: columns.map((column) => ({ text: texts[column], value: values[column] })),
    }))
    .filter(({ cells }) => view.family === ALL || cells.some(({ value }) => value !== false))
    .filter(({ cells }) => !view.differences || cells.some(({ text }) => text !== cells[0].text));
  const caption = newId("table");
  box.setAttribute("aria-labelledby", caption);
  const family = families.find(({ code }) => code === view.family);
  box.replaceChildren(
    h(
      "table",
      {},
      h(
        "caption",
        { class: "spoken", id: caption },
        words.say("all.caption", { family: family?.name ?? words.say("all.every") }),
      ),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("td", {}),
          shown.map((plan) =>
            h(
              "th",
              { scope: "col", class: plan.selection.state },
              h("span", { class: "plan-name" }, plan.name),
              price(plan, words),
            ),
          ),
        ),
      ),
      h(
        "tbody",
        {},
        h(
          "tr",
          { class: "choose" },
          h("th", { scope: "row" }, words.say("all.choose")),
          shown.map((plan) => h("td", {}, selection(plan, { words, select }))),
        ),
        rows.map(({ text, kind, cells }) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, text),
            cells.map((cell) => h("td", {}, kind === "feature" ? tick(cell) : breakable(cell.text))),
          ),
        ),
      ),
    ),
    rows.length === 0 ? h("p", { class: "note" }, words.say("all.no_differences")) : "",
  );
}

/** Narrow columns may break after a slash ("Gespräche/Monat"). */
const breakable = (text) => text.split(/(?<=\/)/).flatMap((part, at) => (at === 0 ? [part] : [h("wbr"), part]));

function tick({ value, text }) {
  if (typeof value !== "boolean") return text;
  return h("span", { class: value ? "yes" : "no" }, icon(value ? CHECK : DASH), spoken(text));
}
