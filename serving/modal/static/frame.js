// The dialog itself: its header and the places of the five sections, in their order.
import { radios } from "./catalogue.js";
import { CROSS, focusOn, h, icon, newId } from "./dom.js";
import { enterprise } from "./enterprise.js";

export const INTERVALS = ["month", "quarter", "halfyear", "year"];

/** An empty dialog in one language; `on` holds what its controls do. */
export function frame({ words, interval, on }) {
  const title = newId("title");
  const heading = h("h2", { id: title, tabindex: -1, autofocus: true, part: "title" }, words.say("title"));
  const region = newId("all");
  const toggle = h(
    "button",
    { type: "button", class: "secondary", "aria-expanded": "false", "aria-controls": region, onclick: on.toggle },
    words.say("all.title"),
  );
  const parts = {
    heading,
    toggle,
    recommendation: h("section", {
      class: "recommendation",
      part: "recommendation",
      "aria-label": words.say("recommendation.title"),
    }),
    saving: h("span", { class: "saving" }),
    segments: radios({
      legend: words.say("interval.legend"),
      options: INTERVALS.map((code) => ({ code, name: words.say(`interval.${code}`) })),
      chosen: interval,
      choose: on.interval,
    }),
    cards: h("div", { class: "fitting" }),
    region: h("div", { id: region, hidden: true }),
    elsewhere: h("p", { class: "note elsewhere" }),
    enterprise: enterprise(
      Object.fromEntries(["title", "description", "action"].map((part) => [part, words.say(`enterprise.${part}`)])),
      { words, send: on.lead },
    ),
    notices: h("div", { class: "notices" }),
    leave: h("p", { class: "leave", hidden: true }, h("button", { type: "button", class: "quiet", onclick: on.leave }, words.say("cancel.open"))),
    change: h("div", { class: "changing", hidden: true }),
  };
  parts.bar = h("div", { class: "bar" }, parts.segments, parts.saving);
  offerIntervals(parts, ["month", "year"]);
  parts.plans = h(
    "div",
    { class: "plans" },
    parts.notices,
    parts.recommendation,
    h(
      "section",
      { class: "fit", "aria-label": words.say("cards.title") },
      h("h3", { class: "spoken" }, words.say("cards.title")),
      parts.bar,
      parts.cards,
    ),
    h(
      "section",
      { class: "all", part: "all", "aria-label": words.say("all.heading") },
      parts.elsewhere,
      h("h3", { class: "toggle" }, toggle),
      parts.region,
    ),
    parts.enterprise,
    parts.leave,
  );
  parts.body = h("div", { class: "body" }, parts.plans, parts.change);
  parts.dialog = h(
    "dialog",
    { part: "dialog", "aria-labelledby": title, lang: words.locale, onclose: on.closed },
    h(
      "header",
      { class: "top", part: "header" },
      heading,
      h("button", { type: "button", class: "close", part: "close", "aria-label": words.say("close"), onclick: on.close }, icon(CROSS)),
    ),
    parts.body,
  );
  return parts;
}

/** Show a view's content from its top, the other one not at all; the title says where the reader is. */
function turnTo(parts, view, title) {
  parts.heading.textContent = title;
  parts.plans.hidden = view !== "plans";
  parts.change.hidden = view !== "change";
  parts.body.scrollTop = 0;
}

/** The second view: how a step is shown in it, and the way back to the plans, after which `left()` is told. */
export function secondView(parts, { words, from, left }) {
  return {
    show: (element, title) => {
      if (!parts.dialog.open) return;
      parts.change.replaceChildren(element);
      turnTo(parts, "change", words.say(title));
    },
    back: () => {
      parts.change.replaceChildren();
      turnTo(parts, "plans", words.say("title"));
      left();
      if (from.isConnected && from.checkVisibility()) from.focus();
      else parts.heading.focus();
    },
  };
}

/** Mark the interval that turned out to be the organisation's. */
export function chooseInterval({ segments }, interval) {
  for (const input of segments.querySelectorAll("input")) input.checked = input.value === interval;
}

/** Offer the intervals that something is sold at; a choice between one is none. */
export function offerIntervals({ bar, segments }, sold) {
  bar.classList.toggle("single", sold.length < 2);
  for (const input of segments.querySelectorAll("input")) input.parentElement.hidden = !sold.includes(input.value);
}

/** Give the focus to a section when what held it has gone. */
export function rescueFocus(parts, section) {
  const held = parts.dialog.getRootNode().activeElement;
  if (held === null || held === parts.dialog) focusOn(section);
}

let unlock = null;

/** Keep the page behind from scrolling, without its content moving sideways. */
export function lockPage(locked) {
  if (!locked) {
    unlock?.();
    unlock = null;
    return;
  }
  const { style, clientWidth } = document.documentElement;
  const before = [style.overflow, style.paddingInlineEnd];
  style.paddingInlineEnd = `${innerWidth - clientWidth}px`;
  style.overflow = "hidden";
  unlock = () => ([style.overflow, style.paddingInlineEnd] = before);
}

/** What talks to the payment provider, loaded only where it is needed. */
export const provided = () => import(new URL("./stripe-form.js", import.meta.url).href);

/** Give way to another window of the page while some work goes on: under a modal dialog nothing else can be used. */
export async function aside(dialog, work) {
  const gone = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  dialog.dataset.aside = "";
  dialog.close();
  await gone;
  try {
    await work();
  } finally {
    delete dialog.dataset.aside;
    dialog.showModal();
  }
}
