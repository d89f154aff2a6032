// A plan against the organisation's own usage: its bill, what more would cost, and how full each limit is.
import { h } from "./dom.js";

/** One calm line of money; the range and what it rests on stand behind "How is this worked out?". */
export function bill({ projected_bill: { text, compared_text, range_text, upper_end_text, basis, overage_cents }, overage }, words) {
  const days = basis.days;
  const rests = days > 0 ? words.say("card.basis", { count: days }) : words.say("card.basis.none");
  const [first, ...others] = overage;
  return h(
    "div",
    { class: overage_cents > 0 ? "bill over" : "bill", part: "bill" },
    h("p", { class: "own" }, text),
    first && h("p", { class: "then" }, first.text),
    h(
      "details",
      { class: "how" },
      h("summary", {}, words.say("card.how")),
      [rests, compared_text, range_text, upper_end_text, ...others.map((each) => words.say("card.more_costs", { price: each.price_text }))]
        .filter(Boolean)
        .map((each) => h("p", { class: "note" }, each)),
    ),
  );
}

/** Small bars of own usage against each limit; nothing is drawn and nothing claimed where no usage is known. */
export function meters(usage, words) {
  return h("ul", { class: "meters", "aria-label": words.say("card.usage") }, usage?.map((each) => meter(each, words)));
}

function meter({ text, share, over }, words) {
  const fill = h("i");
  fill.style.inlineSize = `${Math.min(share ?? 0, 1) * 100}%`;
  return h(
    "li",
    { class: over ? "over" : null },
    h("span", {}, text),
    share !== null && h("span", {}, words.percent(share)),
    share !== null && h("span", { class: "track" }, fill),
  );
}
