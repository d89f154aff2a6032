// What an organisation should know: a change that waits, a payment that failed.
import { h } from "./dom.js";
import { button } from "./forms.js";
import { safeLink } from "./selection.js";

/** One notice; a change that waits can be taken back with `cancel(event)`. */
export function notice({ code, text, remedy, url }, { words, cancel }) {
  return h(
    "div",
    { class: `notice ${code}`, part: `notice notice-${code}` },
    h("p", {}, text, " ", safeLink(url) && h("a", { href: safeLink(url) }, remedy)),
    code === "scheduled" && button("secondary", words.say("change.cancel"), cancel),
  );
}
