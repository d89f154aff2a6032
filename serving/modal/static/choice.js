// After a plan is chosen: what is noted, what has not happened, and how the change is asked for.
import { focusOn, h } from "./dom.js";

/**
 * The confirmation. It says only what is true: `recorded` is whether the service has noted the choice,
 * and nothing is changed or charged by choosing.
 */
export function choice({ name, price }, { words, recorded, retry, request, back }) {
  const heading = h("h3", {}, words.say("choice.title", { plan: name }));
  const element = h(
    "section",
    { class: "choice", part: "choice", "aria-label": words.say("choice.title", { plan: name }) },
    heading,
    h("p", { class: "context" }, price.text),
    recorded
      ? h("p", {}, words.say("choice.recorded"))
      : h(
          "div",
          { class: "failure", role: "alert" },
          h("p", {}, words.say("choice.not_recorded")),
          h("button", { type: "button", class: "secondary retry", onclick: retry }, words.say("error.retry")),
        ),
    h("p", {}, words.say("choice.next")),
    h(
      "div",
      { class: "actions" },
      h("button", { type: "button", class: "primary request", onclick: request }, words.say("choice.request")),
      h("button", { type: "button", class: "quiet back", onclick: back }, words.say("choice.back")),
    ),
  );
  return { element, focus: () => focusOn(heading) };
}
