// "View all": every plan side by side in a table, and what is on offer.
import { tags } from "./cards.js";
import { comparison } from "./comparison.js";
import { h, newId } from "./dom.js";

const ALL = "*";

/**
 * All plans: promotions, a choice of families, a switch, and the table.
 * `view` ({family, differences}) is kept by the caller, so that the choices outlive a reload.
 */
export function catalogue(onSale, { words, view, ...tools }) {
  const families = onSale.families.length > 1 ? [...onSale.families, { code: ALL, name: words.say("all.every") }] : [];
  if (!families.some(({ code }) => code === view.family)) view.family = onSale.families[0]?.code ?? ALL;
  const box = h("div", { class: "table-box", part: "table", role: "region", tabindex: 0 });
  const draw = () => {
    const every = view.family === ALL;
    const family = onSale.families.find(({ code }) => code === view.family)?.name ?? words.say("all.every");
    const plans = onSale.plans.filter((plan) => every || plan.family === view.family);
    comparison(box, onSale, { words, plans, family, every, differences: view.differences, tags, ...tools });
  };
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
    addOns(onSale, words),
  ];
}

function addOns({ add_ons }, words) {
  if (!add_ons?.length) return null;
  return h("div", { class: "add-ons", part: "add-ons" }, h("h4", {}, words.say("add_ons.title")), h("ul", {}, add_ons.map(({ text }) => h("li", { class: "note" }, text))));
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
