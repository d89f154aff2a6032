// The recommendation, its plan cards, and what stands in their place while they load or when they fail.
import { CHECK, CROSS, DASH, h, icon, newId, spoken, STAR } from "./dom.js";
import { price } from "./price.js";
import { blockerList, selection } from "./selection.js";
import { bill, meters } from "./usage.js";

const FEATURES_IN_VIEW = 4;
const REASONS_IN_VIEW = 3;

/** The badge and the sentence that says why. */
export function recommendation({ badge, context }) {
  return [
    h("h3", { class: "badge", part: "badge" }, badge),
    h("p", { class: "context", part: "context" }, context.message),
  ];
}

/**
 * One plan card. `select(plan, button)` is called when its plan is chosen.
 * Every card has the same parts in the same order: they stand in the same rows from card to card.
 */
export function card(plan, { words, select }) {
  const name = newId("plan");
  const why = plan.selection.blockers.length > 0 ? newId("why") : null;
  const recommended = plan.recommended ? " recommended" : "";
  const element = h(
    "li",
    { class: `card ${plan.selection.state}${recommended}`, part: `card${recommended && " card-recommended"}` },
    h(
      "article",
      { "aria-labelledby": name },
      h("header", { class: "name" }, h("h4", { id: name }, plan.name), tags(plan, words)),
      price(plan, words),
      h(
        "ul",
        { class: "metrics" },
        plan.metrics.map(({ code, text }) => h("li", {}, metricText(code, text, words))),
      ),
      bill(plan, words),
      meters(plan.usage, words),
      h("div", { class: "because" }, because(plan, words), why && blockerList(why, plan.selection.blockers, words)),
      selection(plan, { words, select, why }),
      features(plan.features, words),
    ),
  );
  element.plan = plan;
  return element;
}

/** What marks a plan: that it is recommended, that it is held. ⭐ is drawn, for machines whose fonts lack it. */
export function tags({ recommended, held }, words) {
  const character = () => h("span", { class: "spoken", "aria-hidden": "true" }, "⭐");
  return [
    recommended && h("p", { class: "tag star", part: "star" }, character(), icon(STAR), " ", words.say("card.badge")),
    held && h("p", { class: "tag held" }, words.say("card.current")),
  ];
}

/** "~50k" alone says too little on a card: the metric stands beneath it. */
function metricText(code, text, words) {
  const bare = /^~?[\d.,\s\u00a0\u202f]+[kMB]?$/.test(text);
  const [figure, ...unit] = bare ? [text, words.say(`metric.${code}.name`)] : splitFigure(text);
  return [h("strong", {}, figure), " ", unit.length > 0 && h("span", {}, unit.join(" "))];
}

function splitFigure(text) {
  const match = /^(~?[\d.,]+[kMB]?)[\s\u00a0](.+)$/u.exec(text);
  return match ? [match[1], match[2]] : [text];
}

/** What speaks for the plan, and what against it, the weightiest first; what is in the way is told below. */
function because({ reasons, concerns = [], projected_bill: { usage_known: known }, description, selection: { blockers } }, words) {
  const blocked = blockers.length > 0;
  const fits = known && !blocked && reasons.length + concerns.length === 0;
  const shown = fits ? [{ message: words.say("card.fits") }] : reasons.slice(0, REASONS_IN_VIEW - 1);
  const against = blocked ? [] : concerns.slice(0, REASONS_IN_VIEW - shown.length);
  if (shown.length + against.length === 0) return !blocked && description && h("p", { class: "note what" }, description);
  const item = (mark, kind) => ({ message }) => h("li", { class: kind }, icon(mark), h("span", {}, message));
  return h(
    "ul",
    { class: "reasons", "aria-label": words.say("card.reasons") },
    shown.map(item(CHECK, "for")),
    against.map(item(DASH, "against")),
  );
}

function features(list, words) {
  const item = ({ text, included }) =>
    h(
      "li",
      { class: included ? "included" : "missing" },
      icon(included ? CHECK : CROSS),
      h("span", {}, text, !included && spoken(` (${words.say("all.not_included")})`)),
    );
  const rest = list.slice(FEATURES_IN_VIEW);
  return h(
    "div",
    { class: "features" },
    h("h5", { class: "spoken" }, words.say("card.features")),
    h("ul", {}, list.slice(0, FEATURES_IN_VIEW).map(item)),
    rest.length > 0 &&
      h(
        "details",
        {},
        h("summary", {}, words.say("card.more", { count: rest.length })),
        h("ul", {}, rest.map(item)),
      ),
  );
}

/** Three empty cards in the place of those that are coming; drawn only when that takes a while (see the styles). */
export function skeleton(words) {
  return h(
    "div",
    { class: "skeleton" },
    h("p", { class: "spoken", role: "status" }, words.say("loading")),
    h(
      "div",
      { class: "cards", "aria-hidden": "true" },
      [1, 2, 3].map(() => h("div", { class: "card" }, h("i"), h("i"), h("i"), h("i"))),
    ),
  );
}

/** A section that failed: what happened, and the way to try again. */
export function failure(kind, section, { words, retry }) {
  const text = words.say(kind === "offline" || kind === "expired" ? `error.${kind}` : `error.${section}`);
  return h(
    "div",
    { class: "failure", part: "failure", role: "alert" },
    h("p", {}, text),
    h("button", { type: "button", class: "secondary retry", onclick: retry }, words.say("error.retry")),
  );
}
