// The recommendation, its plan cards, and what stands in their place while they load or when they fail.
import { CHECK, CROSS, h, icon, newId, spoken, STAR } from "./dom.js";

const FEATURES_IN_VIEW = 6;

/** The badge and the sentence that says why. */
export function recommendation({ badge, context }) {
  return [
    h("h3", { class: "badge", part: "badge" }, badge),
    h("p", { class: "context", part: "context" }, context.message),
  ];
}

/** One plan card. `select(plan, button)` is called when its plan is chosen. */
export function card(plan, { words, select }) {
  const name = newId("plan");
  const recommended = plan.recommended ? " recommended" : "";
  const element = h(
    "li",
    { class: `card ${plan.selection.state}${recommended}`, part: `card${recommended && " card-recommended"}` },
    h(
      "article",
      { "aria-labelledby": name },
      h(
        "header",
        { class: "name" },
        h("h4", { id: name }, plan.name),
        plan.recommended &&
          star(words.say("card.badge")),
      ),
      price(plan, words),
      h(
        "ul",
        { class: "metrics" },
        plan.metrics.map(({ code, text }) => h("li", {}, metricText(code, text, words))),
      ),
      bill(plan.projected_bill, words),
      h("div", { class: "terms" }, selection(plan, { words, select }), reasons(plan.reasons, words)),
      features(plan.features, words),
    ),
  );
  element.plan = plan;
  return element;
}

/** ⭐ as a character for whoever copies the text, drawn for machines whose fonts lack it. */
function star(label) {
  const character = h("span", { class: "spoken", "aria-hidden": "true" }, "⭐");
  return h("p", { class: "star", part: "star" }, character, icon(STAR), " ", label);
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

/** The price as the service words it, the amount set large; with an offer the old one is struck out. */
export function price({ price: full, promotion }, words) {
  const { text, amount_cents, currency, interval } = promotion?.price ?? full;
  const amount = words.money(amount_cents, currency);
  const [before, after] = text.includes(amount) ? text.split(amount) : ["", null];
  return h(
    "div",
    { class: "price", part: "price" },
    promotion && h("p", { class: "note" }, spoken(words.say("card.before")), h("s", {}, full.text)),
    after === null ? h("p", {}, text) : h("p", { class: "now" }, before, h("strong", {}, amount), h("wbr"), h("span", {}, after)),
    interval === "year" &&
      h("p", { class: "note" }, words.say("card.per_month", { amount: words.money(amount_cents / 12, currency) })),
    promotion && h("p", { class: "note saving" }, promotion.text),
  );
}

function bill({ text, range_text, basis, overage_cents }, words) {
  const basisText =
    basis.days > 0 ? words.say("card.basis", { count: basis.days }) : words.say("card.basis.none");
  return h(
    "div",
    { class: overage_cents > 0 ? "bill over" : "bill", part: "bill" },
    h("p", {}, text),
    range_text && h("p", { class: "note" }, range_text),
    h("p", { class: "note" }, basisText),
  );
}

/** The select button, and for a plan that cannot be taken what is in the way and what to do about it. */
export function selection({ name, selection: { state, label, blockers }, ...plan }, { words, select }) {
  const why = blockers.length > 0 ? newId("why") : null;
  const button = h(
    "button",
    {
      type: "button",
      class: `select ${state}`,
      part: `select select-${state}`,
      "aria-label": `${label}: ${name}`,
      "aria-disabled": state === "selectable" ? null : "true",
      "aria-describedby": why,
      onclick: state === "selectable" && (() => select({ name, ...plan }, button)),
    },
    label,
  );
  return h("div", { class: "selection" }, button, why && blockerList(why, blockers, words));
}

/** What is in the way, each with its remedy. */
export function blockerList(id, blockers, words) {
  return h(
    "ul",
    { class: "blockers", id },
    blockers.map(({ message, remedy, url, clears_at }) =>
      h(
        "li",
        {},
        message,
        " ",
        h("strong", {}, safeLink(url) ? h("a", { href: safeLink(url) }, remedy) : remedy),
        clears_at && ` ${words.say("card.clears_at", { date: words.day(clears_at) })}`,
      ),
    ),
  );
}

/** Only web addresses become links. */
export function safeLink(url) {
  if (!url) return null;
  const { protocol, href } = new URL(url, location.href);
  return protocol === "https:" || protocol === "http:" ? href : null;
}

function reasons(list, words) {
  if (list.length === 0) return null;
  return h(
    "div",
    { class: "reasons" },
    h("h5", {}, words.say("card.reasons")),
    h("ul", {}, list.map(({ message }) => h("li", {}, message))),
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
    h("h5", {}, words.say("card.features")),
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
