// The way to sales: what is on request, and a form that stores a lead.
import { focusOn, h, newId } from "./dom.js";
import { busy, button, field } from "./forms.js";

const EMAIL = /^[^@\s]{1,64}@[^@\s]+\.[^@\s.]+$/;

/** The enterprise section; `send(lead)` posts it and gives the service's thanks. */
export function enterprise({ title, description, action }, { words, send }) {
  const opener = h("button", { type: "button", class: "secondary", part: "contact", "aria-expanded": "false" }, action);
  const place = h("div", { class: "lead", hidden: true });
  const heading = newId("enterprise");
  const section = h(
    "section",
    { class: "enterprise", part: "enterprise", "aria-labelledby": heading },
    h(
      "div",
      { class: "pitch" },
      h("div", {}, h("h3", { id: heading }, title), h("p", {}, description), h("p", { class: "offers", hidden: true })),
      opener,
    ),
    place,
  );
  let form = null;

  const open = (message) => {
    form ??= leadForm({ title: action, needs: section.needs ?? [], words, send, done: thank, cancel: close });
    if (!place.contains(form.element)) place.replaceChildren(form.element);
    place.hidden = false;
    opener.setAttribute("aria-expanded", "true");
    if (message) form.message(message);
    form.focus();
    form.element.scrollIntoView({ block: "nearest" });
  };
  const close = () => {
    place.hidden = true;
    opener.setAttribute("aria-expanded", "false");
    opener.focus();
  };
  const thank = (thanks) => {
    form = null;
    opener.hidden = true;
    const text = h("p", { class: "thanks", role: "status" }, thanks);
    place.replaceChildren(text);
    focusOn(text);
  };

  opener.addEventListener("click", () => (place.hidden ? open() : close()));
  section.contact = open;
  return section;
}

/** Fill in what is known once the catalogue is here: the offers on request, and what only they hold. */
export function enrich(section, { offers }, { comparison }, words) {
  const common = new Set(
    comparison.rows.filter(({ values }) => values.some((value) => value !== false)).map(({ code }) => code),
  );
  const features = offers.flatMap((offer) => offer.features).filter(({ code }) => !common.has(code));
  section.needs = [...new Map(features.map((feature) => [feature.code, feature])).values()];
  const text = section.querySelector(".offers");
  text.hidden = offers.length === 0;
  text.textContent = offers
    .map(({ name, description }) => words.say("enterprise.offer", { name, description }))
    .join(" ");
}

function leadForm({ title, needs, words, send, done, cancel }) {
  const name = field("name", { label: words.say("lead.name"), required: true, autocomplete: "name", maxlength: 200 });
  const email = field("email", {
    label: words.say("lead.email"),
    type: "email",
    required: true,
    autocomplete: "email",
    maxlength: 254,
  });
  const message = field("message", { label: words.say("lead.message"), tag: "textarea", rows: 4, maxlength: 5000 });
  const fields = { name, email, message };
  const boxes = needs.map(({ code, text }) => ({ code, text, input: h("input", { type: "checkbox" }) }));
  const problem = h("p", { class: "problem", role: "alert" });
  const submit = h("button", { type: "submit", class: "primary" }, words.say("lead.send"));
  const element = h(
    "form",
    { class: "fields", novalidate: true, "aria-label": title, onsubmit: submitted },
    name.element,
    email.element,
    boxes.length > 0 &&
      h(
        "fieldset",
        { class: "needs" },
        h("legend", {}, words.say("lead.needs")),
        boxes.map(({ text, input }) => h("label", {}, input, h("span", {}, text))),
      ),
    message.element,
    problem,
    h(
      "div",
      { class: "actions" },
      submit,
      button("quiet", words.say("lead.cancel"), cancel),
    ),
  );

  function complaints() {
    name.complain(name.value ? "" : words.say("lead.name_missing"));
    email.complain(EMAIL.test(email.value) ? "" : words.say("lead.email_invalid"));
    return Object.values(fields).filter((each) => each.faulty);
  }

  async function submitted(event) {
    event.preventDefault();
    problem.textContent = "";
    const [faulty] = complaints();
    if (faulty) faulty.focus();
    else await busy(submit, sent);
  }

  async function sent() {
    const lead = { name: name.value, email: email.value, needs: boxes.filter((b) => b.input.checked).map((b) => b.code) };
    if (message.value) lead.message = message.value;
    try {
      done((await send(lead)).message);
    } catch (error) {
      explain(error);
    }
  }

  function explain(error) {
    for (const fault of error.errors ?? []) fields[fault.field]?.complain(fault.message);
    const faulty = Object.values(fields).find((each) => each.faulty);
    if (faulty) faulty.focus();
    else problem.textContent = words.say(error.kind === "offline" ? "error.offline" : "lead.failed");
  }

  return {
    element,
    focus: () => name.focus(),
    message: (text) => message.fill(text),
  };
}
