// The button that selects a plan, and what is in the way of one that cannot be taken.
import { h } from "./dom.js";

/** `why` is the id of the list that says what is in the way; `select(plan, button)` is called when it is pressed. */
export function selection(plan, { words, select, why = null }) {
  const { state, label, note, newer } = plan.selection;
  const button = h(
    "button",
    {
      type: "button",
      class: `select ${state}`,
      part: `select select-${state}`,
      "aria-label": `${label}: ${plan.name}`,
      "aria-disabled": state === "selectable" ? null : "true",
      "aria-describedby": why,
      onclick: state === "selectable" && (() => select(plan, button)),
    },
    label,
  );
  const another = newer ?? (state === "current" && plan.number && words.say("number.change"));
  return h("div", { class: "selection" }, button, another && h("button", { type: "button", class: "quiet", onclick: ({ currentTarget }) => select(plan, currentTarget) }, another), note && h("p", { class: "note" }, note));
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
