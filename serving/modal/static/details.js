// Who is invoiced: the form that asks for what the law wants on an invoice. Its fields and words are the service's.
import { h } from "./dom.js";
import { busy, field } from "./forms.js";

/** The form of these details; `save(entered)` stores them, `done()` is called once they are stored. */
export function detailsForm({ title, text, action, fields }, { words, save, done }) {
  const inputs = fields.map(({ name, value, max_length, ...attributes }) => {
    const made = field(name, { ...attributes, maxlength: max_length });
    made.fill(value);
    return [name, made];
  });
  const problem = h("p", { class: "problem", role: "alert" });
  const submit = h("button", { type: "submit", class: "primary" }, action);
  const complain = (errors) => {
    for (const [name, input] of inputs) input.complain(errors.find((each) => each.field === name)?.message ?? "");
    const [, faulty] = inputs.find(([, input]) => input.faulty) ?? [];
    faulty?.focus();
    return faulty;
  };
  const element = h(
    "form",
    {
      class: "fields",
      novalidate: true,
      "aria-label": title,
      onsubmit(event) {
        event.preventDefault();
        busy(submit, send);
      },
    },
    h("h4", {}, title),
    h("p", {}, text),
    inputs.map(([, input]) => input.element),
    problem,
    h("div", { class: "actions" }, submit),
  );

  async function send() {
    problem.textContent = "";
    const entered = Object.fromEntries(inputs.map(([name, input]) => [name, input.value]).filter(([, value]) => value));
    const message = words.say("details.needed");
    if (complain(fields.filter(({ name, required }) => required && !entered[name]).map(({ name }) => ({ field: name, message })))) return;
    try {
      await save(entered);
      done();
    } catch (error) {
      if (!complain(error.errors ?? [])) problem.textContent = error.answer?.detail ?? words.say("lead.failed");
    }
  }
  return element;
}
