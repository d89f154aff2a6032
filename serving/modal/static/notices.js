// What an organisation should know: a change or a cancellation that waits, a payment that failed.
import { h } from "./dom.js";
import { busy, button } from "./forms.js";
import { safeLink } from "./selection.js";

const UNDO = { scheduled: ["change.cancel", "plan-changes/scheduled"], cancelled: ["cancel.withdraw", "subscription/cancellation"] };

/** One notice; what waits can be taken back with `takeBack(path)`. */
export function notice({ code, text, remedy, url }, { words, takeBack }) {
  const [label, path] = UNDO[code] ?? [];
  return h(
    "div",
    { class: `notice ${code}`, part: `notice notice-${code}` },
    h("p", {}, text, " ", safeLink(url) && h("a", { href: safeLink(url) }, remedy)),
    label && button("secondary", words.say(label), ({ currentTarget }) => busy(currentTarget, () => takeBack(path))),
  );
}
