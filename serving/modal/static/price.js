// The price of a plan: the service words it, the amount is set large; an offer tells the whole price.
import { h, spoken } from "./dom.js";

const MONTHS = { quarter: 3, halfyear: 6, year: 12 };

/** With an offer the usual price is struck out, and it is said for how long the lower one holds and what comes after. */
export function price({ price: full, promotion, description, number }, words) {
  const { text, amount_cents, currency, interval } = promotion?.price ?? full;
  const amount = words.money(amount_cents, currency);
  const [before, after] = text.includes(amount) ? text.split(amount) : ["", null];
  return h(
    "div",
    { class: "price", part: "price" },
    after === null
      ? h("p", {}, text)
      : h("p", { class: "now" }, before, h("strong", {}, amount), h("wbr"), h("span", {}, after)),
    number && h("p", { class: "note" }, number.text),
    MONTHS[interval] &&
      h("p", { class: "note" }, words.say("card.per_month", { amount: words.money(amount_cents / MONTHS[interval], currency) })),
    promotion
      ? h(
          "p",
          { class: "note offer" },
          spoken(words.say("card.before")),
          struck(full, words),
          " ",
          h("span", { class: "saving" }, promotion.text),
          h("span", { class: "after" }, promotion.then_text),
        )
      : h("p", { class: "note about" }, description),
  );
}

/** The usual price: its amount is shown, all of it is read aloud. */
function struck({ text, amount_cents, currency }, words) {
  const amount = words.money(amount_cents, currency);
  const [before, after] = text.includes(amount) ? text.split(amount) : ["", null];
  return h("s", {}, after === null ? text : [before && spoken(before), amount, spoken(after)]);
}
