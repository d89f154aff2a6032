// Cancelling a subscription: what is lost, why, perhaps an offer, and what became of it. All words are the service's.
import { focusOn, h, newId } from "./dom.js";
import { busy, button, field } from "./forms.js";

/** `show(element, title)` puts a step in view, `back()` returns to the plans, `told(name, facts)` tells the host. */
export function cancellation({ client, words, show, back, close, told, changed }) {
  const step = (title, ...content) => {
    const heading = h("h3", { id: newId("step") }, title);
    show(h("section", { class: "change cancel", part: "change", "aria-labelledby": heading.id }, heading, ...content), "cancel.open");
    focusOn(heading);
  };
  const actions = (...buttons) => h("div", { class: "actions" }, ...buttons);
  const alert = (text) => h("div", { class: "failure", role: "alert" }, h("p", {}, text));
  const backButton = () => button("secondary back", words.say("change.back"), back);
  const failed = ({ kind, answer }) => answer?.detail ?? words.say(kind === "failed" || kind === "invalid" ? "cancel.failed" : `error.${kind}`);

  async function ask() {
    step(words.say("cancel.open"), h("p", { role: "status" }, words.say("change.loading")));
    try {
      why(await client.get("subscription/cancellation"));
    } catch (error) {
      told("error", { section: "cancel", code: error.code, status: error.status });
      step(words.say("cancel.open"), alert(failed(error)), actions(backButton(), button("primary retry", words.say("error.retry"), ask)));
    }
  }

  function why({ state, plan_name, text, lost, notes, reasons, offers }) {
    if (state !== "possible") return step(words.say("cancel.open"), h("p", {}, text), actions(backButton()));
    const name = newId("reason");
    const options = reasons.map(({ code, text }) => h("label", { class: "option" }, h("input", { type: "radio", name, value: code }), " ", text));
    const comment = field("comment", { label: words.say("cancel.comment"), tag: "textarea", rows: 2, maxlength: 1000 });
    const place = h("div", {});
    const next = button("primary confirm", words.say("cancel.confirm"), () => {
      const reason = options.map(({ control }) => control).find(({ checked }) => checked)?.value;
      if (!reason) return place.replaceChildren(alert(words.say("cancel.choose")));
      const said = { reason, ...(comment.value && { comment: comment.value }) };
      const offer = offers.find((each) => each.reasons.length === 0 || each.reasons.includes(reason));
      return offer ? offered(offer, said) : busy(next, () => confirm(said, place));
    });
    const heading = newId("lost");
    step(
      words.say("cancel.title", { plan: plan_name }),
      h("p", {}, text),
      h("div", { class: "group lost" }, h("h4", { id: heading }, words.say("cancel.lost")), h("ul", { "aria-labelledby": heading }, lost.map((each) => h("li", {}, each)))),
      notes.map((each) => h("p", { class: "note" }, each)),
      h("fieldset", {}, h("legend", {}, words.say("cancel.why")), options),
      comment.element,
      place,
      actions(backButton(), next),
    );
  }

  function offered({ offer, text, terms }, said) {
    const place = h("div", {});
    const stay = button("primary", words.say("cancel.accept"), () =>
      busy(stay, () =>
        sent(place, client.post("subscription/cancellation/offer", { offer, reason: said.reason }), () => done("stayed", words.say("cancel.stayed_text"))),
      ));
    const leave = button("secondary confirm", words.say("cancel.confirm"), () => busy(leave, () => confirm(said, place)));
    step(text, h("p", {}, terms), place, actions(leave, stay));
  }

  const confirm = (said, place) =>
    sent(place, client.post("subscription/cancellation", said), ({ notices }) =>
      done("done", notices.find(({ code }) => code === "cancelled" || code === "ended")?.text));

  async function sent(place, request, then) {
    place.replaceChildren();
    try {
      then(await request);
    } catch (error) {
      told("error", { section: "cancel", code: error.code, status: error.status });
      place.replaceChildren(alert(failed(error)));
    }
  }

  function done(what, text) {
    changed();
    told(what === "stayed" ? "kept" : "cancelled", {});
    step(words.say(`cancel.${what}`), h("p", { role: "status" }, text), actions(button("primary", words.say("change.close"), close), button("quiet back", words.say("change.back"), back)));
  }

  return ask();
}
