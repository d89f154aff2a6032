// What a change is paid with: a method that is there, or a card that is added on the way.
import { h, newId } from "./dom.js";
import { field } from "./forms.js";

const NEW = "";

/**
 * The choice of a payment method. `known` is the service's answer: the methods, the provider, the test cards.
 * `another` offers a new card first. `chosen()` gives the id of a method, adding the card first; null when the
 * reader has to mend something.
 */
export function payment(known, { words, add, ask, setUp, another }) {
  const { payment_methods: methods, provider, test_cards: cards } = known;
  const name = newId("method");
  const form = provider === "sandbox" ? cardForm(words, cards) : known.form && providerForm(words, setUp);
  const radio = (value, text, checked) =>
    h("label", {}, h("input", { type: "radio", name, value, checked, onchange: () => turn(value) }), h("span", {}, text));
  const good = methods.filter((method) => method.usable && !method.refused_because);
  const current = another ? undefined : (good.find((method) => method.default) ?? good[0]);
  const element = h(
    "fieldset",
    { class: "needs", part: "payment" },
    h("legend", {}, words.say("pay.with")),
    methods.map((method) => radio(method.payment_method, nameOf(method, words), method === current)),
    radio(NEW, words.say(known.form ? "pay.new" : methods.length > 0 ? "pay.new_card" : "pay.card"), !current),
    form?.element,
  );
  let value;
  const turn = (next) => {
    value = next;
    if (!form) return;
    form.element.hidden = next !== NEW;
    if (next === NEW) form.shown?.();
  };
  turn(current?.payment_method ?? NEW);
  form?.element.addEventListener("input", () => (value = NEW));

  return {
    element,
    async chosen() {
      if (value !== NEW) return value;
      // The provider's own element belongs to the host page: it answers with a token.
      const said = form ? await form.said() : await ask();
      if (said) value = (await add({ ...said, default: true })).payment_method;
      return said && value;
    },
    explain: () => form?.refused(),
    /** The step is in view: a form of the provider needs its place on the page. */
    shown: () => turn(value),
  };
}

/** The provider's own form; its frame stands in the page and not in our shadow, which it cannot enter. */
function providerForm(words, setUp) {
  const name = newId("provider");
  const place = h("div", { slot: name });
  const mandate = h("p", { class: "note" });
  const problem = h("p", { class: "complaint", role: "alert" });
  const element = h("div", { class: "fields provider" }, h("slot", { name }), mandate, problem);
  let filled;
  const refused = (error) => (problem.textContent = error?.said ?? words.say("change.failed"));
  const shown = () => {
    const host = element.isConnected && element.getRootNode().host;
    if (!host || filled) return;
    host.querySelector("[slot^=pm-provider]")?.remove();
    host.append(place);
    filled = setUp(place).then(({ form, mandate: text }) => ((mandate.textContent = text ?? ""), form));
    filled.catch((error) => {
      filled = null;
      refused(error);
    });
  };
  return {
    element,
    shown,
    refused,
    async said() {
      problem.textContent = "";
      shown();
      try {
        return await (await filled).said();
      } catch (error) {
        refused(error);
        return null;
      }
    },
  };
}

function nameOf({ kind, brand, last4, expires }, words) {
  const name = brand ? brand[0].toUpperCase() + brand.slice(1) : words.say(`pay.${kind}`);
  const text = `${name} •••• ${last4}`;
  return expires ? `${text} (${expires.slice(5)}/${expires.slice(2, 4)})` : text;
}

/** The built-in provider's form. A number never leaves the page: its token does. */
function cardForm(words, cards) {
  const digits = { inputmode: "numeric", required: true };
  const number = field("number", { label: words.say("pay.number"), autocomplete: "cc-number", maxlength: 23, shape: grouped, ...digits });
  const expires = field("expires", {
    label: words.say("pay.expires"),
    autocomplete: "cc-exp",
    placeholder: "12/30",
    maxlength: 7,
    shape: monthAndYear,
    ...digits,
  });
  const code = field("code", { label: words.say("pay.code"), autocomplete: "cc-csc", maxlength: 4, ...digits });
  const token = () => cards[number.value.replace(/\D/g, "")];
  const refuse = () => number.complain(words.say("pay.number_invalid"));
  return {
    element: h(
      "div",
      { class: "fields" },
      number.element,
      expires.element,
      code.element,
      h("p", { class: "note" }, words.say("pay.test", { cards: Object.keys(cards).slice(0, 3).map(spaced).join(", ") })),
    ),
    refused: refuse,
    said() {
      number.complain("");
      if (!token()) refuse();
      expires.complain(later(expires.value) ? "" : words.say("pay.expires_invalid"));
      code.complain(/^\d{3,4}$/.test(code.value) ? "" : words.say("pay.code_invalid"));
      const faulty = [number, expires, code].find((each) => each.faulty);
      faulty?.focus();
      return faulty ? null : { kind: "card", token: token() };
    },
  };
}

const spaced = (number) => number.replace(/(.{4})(?=.)/g, "$1 ");

/** A card's number in groups of four, as it stands on the card. */
const grouped = (text) => spaced(text.replace(/\D/g, ""));

/** "1230" and "1/30" become "12/30" and "01/30". */
function monthAndYear(text) {
  const digits = text.replace(/^(\d)\s*\//, "0$1").replace(/\D/g, "");
  return digits.length > 2 ? `${digits.slice(0, 2)}/${digits.slice(2)}` : digits;
}

/** Whether "12/30" is this month or a later one. */
function later(text) {
  const [, month, year] = /^(0[1-9]|1[0-2])\/(?:20)?(\d\d)$/.exec(text) ?? [];
  return Boolean(month) && new Date(2000 + Number(year), Number(month)) > new Date();
}
