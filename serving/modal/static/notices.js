// What an organisation should know: a change or a cancellation that waits, a payment that failed.
import { h } from "./dom.js";
import { busy, button } from "./forms.js";
import { aside, provided } from "./frame.js";
import { safeLink } from "./selection.js";

const UNDO = { scheduled: ["change.cancel", "plan-changes/scheduled"], cancelled: ["cancel.withdraw", "subscription/cancellation"] };

/** One notice; what waits can be taken back with `takeBack(path)`, what is overdue paid by `pay()`, which says what is not. */
export function notice({ code, text, remedy, url, pay: due }, { words, takeBack, pay }) {
  const [label, path] = UNDO[code] ?? [];
  const place = h("div", { role: "alert" });
  const collect = async ({ currentTarget }) => {
    place.replaceChildren();
    await busy(currentTarget, async () => place.replaceChildren((await pay()) ?? ""));
  };
  return h(
    "div",
    { class: `notice ${code}`, part: `notice notice-${code}` },
    h("p", {}, text, " ", safeLink(url) && h("a", { href: safeLink(url) }, remedy)),
    due && button("primary pay", due, collect),
    place,
    label && button("secondary", words.say(label), ({ currentTarget }) => busy(currentTarget, () => takeBack(path))),
  );
}

/** Pay what is overdue; the answer says what is still open and what helps, nothing when all is paid. A bank may ask first. */
export async function payOverdue(client, words, { paid, failed, dialog }) {
  try {
    let answer = await client.post("payments", {});
    if (answer.action) {
      const [{ form }, { confirmPayment }] = await Promise.all([client.get("payment-methods"), provided()]);
      await aside(dialog, () => confirmPayment(form, answer.action)).catch(() => {});
      answer = await client.post("payments/confirmed", {});
    }
    const { overdue_cents, remedy } = answer;
    return overdue_cents ? remedy : void paid();
  } catch (error) {
    failed(error);
    return error.answer?.detail ?? words.say(["offline", "expired"].includes(error.kind) ? `error.${error.kind}` : "change.failed");
  }
}
