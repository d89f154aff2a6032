// One field of a form: its label, its input, and what is wrong with it.
import { h, newId } from "./dom.js";

/** A labelled field that can complain; `tag` is `input` unless said otherwise, `shape(text)` writes what is typed anew. */
export function field(name, { label, tag = "input", shape, ...attributes }) {
  const id = newId(name);
  const complaint = h("span", { class: "complaint", id: `${id}-complaint` });
  const input = h(tag, { id, name, oninput: shape && (() => reshape(input, shape)), ...attributes });
  return {
    element: h("div", { class: "field" }, h("label", { for: id }, label), input, complaint),
    focus: () => input.focus(),
    fill: (text) => (input.value = text),
    complain(text) {
      complaint.textContent = text;
      input.toggleAttribute("aria-invalid", false);
      input.removeAttribute("aria-describedby");
      if (text) {
        input.setAttribute("aria-invalid", "true");
        input.setAttribute("aria-describedby", complaint.id);
      }
    },
    get faulty() {
      return input.hasAttribute("aria-invalid");
    },
    get value() {
      return input.value.trim();
    },
  };
}

/** Write the field's text anew; the caret stays behind the digit that it was behind. */
function reshape(input, shape) {
  const { value, selectionStart } = input;
  const text = shape(value);
  if (text === value) return;
  let digits = value.slice(0, selectionStart).replace(/\D/g, "").length;
  let at = selectionStart === value.length ? text.length : 0;
  for (; digits > 0 && at < text.length; at += 1) if (/\d/.test(text[at])) digits -= 1;
  input.value = text;
  input.setSelectionRange(at, at);
}

/** A button of ours; `kind` is its class. */
export const button = (kind, text, onclick, attributes = {}) =>
  h("button", { type: "button", class: kind, onclick, ...attributes }, text);

/** Do it once at a time: the button says that it is at work, and further clicks wait for the end. */
export async function busy(element, work) {
  if (element.getAttribute("aria-busy") === "true") return;
  element.setAttribute("aria-busy", "true");
  try {
    await work();
  } finally {
    element.removeAttribute("aria-busy");
  }
}
