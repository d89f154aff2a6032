// A change of plan from its preview to its end: everything shown here is the service's own words and amounts.
import { blockerList } from "./selection.js";
import { CHECK, focusOn, h, icon, newId } from "./dom.js";
import { detailsForm } from "./details.js";
import { busy, button } from "./forms.js";
import { aside, provided } from "./frame.js";
import { payment } from "./payment.js";

const ASK_AGAIN_MS = 3_000;

/**
 * Lead through one change. `wish` is {plan, interval, decision_id, promotion, name};
 * `unlocked` are the plan's features; `show(element, title)` puts a step in view, `back()` returns to the plans,
 * `told(name, facts)` tells the host.
 */
export function change(wish, { client, words, unlocked, show, back, told, close, ask }) {
  const { name, ...wanted } = wish;
  let keys;
  let timer;

  const step = (title, ...content) => shown("step.review", title, content);
  const shown = (at, title, content, kind = "") => {
    clearTimeout(timer);
    const heading = h("h3", { id: newId("step") }, title);
    const section = h("section", { class: `change ${kind}`, part: "change", "aria-labelledby": heading.id }, heading, ...content);
    show(section, at);
    return { section, heading };
  };
  const actions = (...buttons) => h("div", { class: "actions" }, ...buttons);
  const backButton = () => button("secondary back", words.say("change.back"), back);
  const alert = ({ title, detail, remedy }) =>
    h("div", { class: "failure", role: "alert" }, title && h("strong", {}, title), h("p", {}, detail), remedy && h("p", {}, remedy));
  const unanswered = ({ kind, answer }, otherwise) => {
    const own = { offline: "change.offline", expired: "error.expired" }[kind];
    return answer?.detail && !own ? answer : { detail: words.say(own ?? otherwise) };
  };

  /** What the change would do and cost. */
  async function preview() {
    const { heading } = step(words.say("change.title", { plan: name }), h("p", { role: "status" }, words.say("change.loading")));
    focusOn(heading);
    try {
      const [quote, known] = await Promise.all([client.post("plan-changes/preview", wanted), client.get("payment-methods")]);
      const asked = quote.blockers.some(({ code }) => code === "billing_details_missing") && (await client.get("billing-details"));
      told("preview", { direction: quote.direction, timing: quote.timing, due_now_cents: quote.due_now_cents, currency: quote.currency });
      review(quote, known, null, asked);
    } catch (error) {
      told("error", { section: "preview", code: error.code, status: error.status });
      const retry = button("primary retry", words.say("error.retry"), preview);
      focusOn(step(words.say("change.title", { plan: name }), alert(unanswered(error, "change.failed")), actions(backButton(), retry)).heading);
    }
  }

  /** The itemised quote, asked for confirmation; `problem` says why it is asked again. */
  function review(quote, known, problem, asked) {
    keys = {};
    const { title, price, effect, groups, confirm: label } = quote.summary;
    const blockers = quote.blockers.length > 0 && newId("why");
    const method = quote.quote && quote.due_now_cents > 0 && payment(known, { words, ask, setUp, another: /^card_/.test(problem?.code), add: (said) => client.post("payment-methods", said) });
    const alarm = problem ?? (quote.unavailable && { detail: quote.unavailable });
    const place = h("div", {}, alarm && alert(alarm));
    const cancel = backButton();
    const confirmation = quote.quote && button("primary confirm", label, () =>
      busy(confirmation, async () => {
        cancel.disabled = true;
        await confirm(quote, { known, method, place });
        cancel.disabled = false;
      }));
    step(
      title,
      place,
      h("p", { class: "context" }, price),
      quote.number && numberField(quote.number),
      !blockers && h("p", {}, effect),
      blockers && h("p", {}, words.say("change.blocked")),
      blockers && blockerList(blockers, quote.blockers, words),
      asked && detailsForm(asked, { words, save: (entered) => client.put("billing-details", entered), done: preview }),
      groups.slice(0, 1).map(group),
      method && method.element,
      groups.slice(1).map(group),
      actions(cancel, confirmation),
    );
    if (method) {
      method.element.addEventListener("keydown", ({ key, target }) => key === "Enter" && target.matches("[inputmode]") && confirmation.click());
      method.shown();
    }
    // The buttons stay in view; what was asked and what went wrong stands at the top.
    cancel.focus({ preventScroll: true });
  }

  /** How many are wanted; another number is another quote. */
  function numberField({ quantity, most, label, text }) {
    const input = h("input", { id: newId("number"), type: "number", min: 1, max: most ?? 100_000, value: quantity, required: true, inputmode: "numeric" });
    const show = (event) => {
      event.preventDefault();
      wanted.quantity = input.valueAsNumber;
      preview();
    };
    return h("form", { onsubmit: show }, h("div", { class: "field" }, h("label", { for: input.id }, label), input, h("p", { class: "note" }, text), h("button", { class: "secondary" }, words.say("number.show"))));
  }

  /** Ask for exactly what was shown; a second attempt after a lost answer carries the same key. */
  async function confirm(quote, { known, method, place }) {
    place.replaceChildren();
    let paid_with;
    try {
      paid_with = method ? await method.chosen() : undefined;
    } catch (error) {
      if (error.status === 422) method.explain();
      else place.replaceChildren(alert(unanswered(error, "change.failed")));
      return;
    }
    if (paid_with === null) return;
    // The same request keeps its key: whether the first one arrived or not, it is carried out once.
    const key = (keys[paid_with] ??= crypto.randomUUID());
    told("confirm", { due_now_cents: quote.due_now_cents, currency: quote.currency });
    try {
      const receipt = await client.post("plan-changes", { quote: quote.quote, payment_method: paid_with }, { "Idempotency-Key": key });
      told("success", { change_id: receipt.change_id, change: receipt.status, direction: receipt.direction });
      if (receipt.action) await authenticated(receipt, known);
      await settled(receipt, quote, known);
    } catch (error) {
      told("error", { section: "confirm", code: error.code, status: error.status });
      await refused(error, quote, { known, place });
    }
  }

  /** The provider's form for a new method, in a place of the page. */
  async function setUp(place) {
    const [setup, { form }] = await Promise.all([client.post("payment-methods/setup", {}), provided()]);
    return { form: await form(setup, place, words.locale), mandate: setup.mandate };
  }

  /** The customer's bank asks them; whatever they answer, the service learns it from the provider. */
  async function authenticated({ change_id, action }, known) {
    const { section } = step(words.say("change.bank"), h("p", { role: "status" }, words.say("change.bank_text")));
    const { confirmPayment } = await provided();
    await aside(section.closest("dialog"), () => confirmPayment(known.form, action)).catch(() => {});
    await client.post(`plan-changes/${change_id}/payment`, {}).catch(() => {});
  }

  async function refused(error, quote, { known, place }) {
    const { answer, status } = error;
    if (status === 402 || answer?.fresh_quote) {
      const methods = await client.get("payment-methods").catch(() => known);
      review(answer.fresh_quote ?? quote, methods, answer);
    } else place.replaceChildren(alert(unanswered(error, "change.unknown")));
  }

  /** What became of it, asked again for as long as the payment is not settled. */
  async function settled(receipt, quote, known) {
    const now = await client.get(`plan-changes/${receipt.change_id}`).catch(() => null);
    const { status } = now ?? receipt;
    const place = h("div", {});
    const content = [
      h("p", { role: "status" }, now?.text),
      now?.remedy && h("p", {}, h("strong", {}, now.remedy)),
      status === "applied" && achieved(quote, { words, unlocked }),
      status === "scheduled" && quote.summary.groups.filter(({ code }) => code === "next").map(group),
      place,
      actions(
        now?.action && button("primary retry", words.say("error.retry"), () => authenticated(now, known).then(() => settled(receipt, quote, known))),
        now?.invoice_id && button("secondary invoice", words.say("change.invoice"), ({ currentTarget }) => busy(currentTarget, () => invoice(now.invoice_id, place))),
        now?.status === "failed" ? button("primary retry", words.say("error.retry"), preview) : button("primary", words.say("change.close"), close),
        button("quiet back", words.say("change.back"), back),
      ),
    ];
    const { section, heading } = shown("step.done", now?.title ?? words.say("change.done"), content, status);
    focusOn(heading);
    if (status === "payment_pending" || status === "requires_action") timer = setTimeout(() => section.isConnected && settled(receipt, quote, known), ASK_AGAIN_MS);
  }

  /** The invoice needs our token: it is fetched and then opened. */
  async function invoice(number, place) {
    place.replaceChildren();
    try {
      const link = h("a", { href: URL.createObjectURL(await client.file(`invoices/${number}.pdf`)), download: `${number}.pdf` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (error) {
      told("error", { section: "invoice", code: error.code, status: error.status });
      place.replaceChildren(alert(unanswered(error, "change.no_invoice")));
    }
  }

  return preview();
}

/** What the change has brought: what is unlocked, what was paid, and what comes next. */
function achieved({ due_now_cents, summary: { groups } }, { words, unlocked }) {
  const rows = (name) => groups.find(({ code }) => code === name)?.rows ?? [];
  const gained = rows("gained").map(({ text, amount }) => (amount ? `${text}: ${amount}` : text));
  const heading = newId("unlocked");
  const paid = rows("due").filter(({ total }) => total && due_now_cents > 0);
  return h(
    "div",
    { class: "achieved" },
    h("div", { class: "unlocked" }, h("h4", { id: heading }, words.say("change.unlocked")), h("ul", { "aria-labelledby": heading }, (gained.length > 0 ? gained : unlocked).slice(0, 8).map((text) => h("li", {}, icon(CHECK), h("span", {}, text))))),
    group({ code: "paid", title: words.say("change.summary"), rows: [...paid.map((row) => ({ ...row, text: words.say("change.paid") })), ...rows("next").slice(0, 2)] }),
  );
}

/** Rows under their heading; a long list of gains is folded away, losses never are. */
function group({ code, title, rows }) {
  const heading = newId("group");
  const name = h("h4", { id: heading }, title);
  const folded = code === "gained" && rows.length > 5;
  const list = rows.map(({ text, amount, total }) =>
    h("li", { class: total ? "total" : null }, h("span", {}, text), " ", h("span", { class: "amount" }, amount)),
  );
  return h(
    folded ? "details" : "div",
    { class: `group ${code}` },
    folded ? h("summary", {}, name, ` (${rows.length})`) : name,
    h("ul", { "aria-labelledby": heading }, list),
  );
}
