// One opening of the dialog: what is loaded, shown and chosen until it closes.
import { ask } from "./answers.js";
import { cancellation } from "./cancellation.js";
import { card, failure, recommendation, skeleton } from "./cards.js";
import { catalogue } from "./catalogue.js";
import { change } from "./change.js";
import { h } from "./dom.js";
import { enrich } from "./enterprise.js";
import { button } from "./forms.js";
import { chooseInterval, frame, offerIntervals, rescueFocus, secondView } from "./frame.js";
import { notice, payOverdue } from "./notices.js";
import { Impressions, outcome, send } from "./outcomes.js";

export class Session {
  #client;
  #emit;
  #words;
  #interval;
  #seenDecisions;
  #parts;
  #impressions = new Impressions((element) => this.#seen(element));
  #turn = 0;
  #decision = null;
  #onSale = null;
  #wish;
  #leave = null;
  /** Whether the host page goes on from a choice by itself. */
  handedOver = false;
  #chosen = false;
  #changed = false;
  #failed = new Set();
  #answers;
  #view = { family: null, differences: false };

  /** `interval` may be null: then it is the one the organisation pays at. `plan` is one to go on to at once, or null. */
  constructor({ client, answers, emit, words, interval, plan, seenDecisions, closed }) {
    Object.assign(this, { closed });
    this.#client = client;
    this.#answers = answers;
    this.#emit = emit;
    this.#words = words;
    this.#wish = plan;
    this.#interval = interval;
    this.#seenDecisions = seenDecisions;
    this.#parts = frame({
      words,
      interval: this.#interval ?? "month",
      on: {
        close: () => this.close(),
        closed: () => "aside" in this.dialog.dataset || this.#ended(),
        toggle: () => this.#toggle(this.#parts.region.hidden),
        leave: ({ currentTarget }) => this.#cancelSubscription(currentTarget),
        lead: (lead) => client.post("enterprise-leads", lead),
        interval: (chosen) => {
          this.#interval = chosen;
          this.#fill();
        },
      },
    });
  }

  get dialog() {
    return this.#parts.dialog;
  }

  /** Show the dialog at once and fill it. */
  start() {
    this.dialog.showModal();
    this.#parts.heading.focus();
    return this.#fill();
  }

  close() {
    this.dialog.close();
  }

  /** One step back: from a change to the plans, from the plans out; whether the dialog is still open. */
  back() {
    if (this.#leave) this.#leave();
    else this.close();
    return this.dialog.open;
  }

  /** Load again what failed for this reason: offline or expired. */
  recover(kind) {
    if (this.#failed.has(kind)) this.load();
  }

  /** Load what the dialog shows, all of it anew. */
  load() {
    this.#answers.forget();
    return this.#fill();
  }

  /** Show what there is to show; each section fails alone. An answer that comes too late is let go. */
  async #fill() {
    const turn = ++this.#turn;
    const current = () => turn === this.#turn && this.dialog.open;
    this.#failed.clear();
    this.#impressions.stop();
    this.#parts.plans.setAttribute("aria-busy", "true");
    if (this.#decision === null) this.#parts.cards.replaceChildren(skeleton(this.#words));
    const { subscription, recommendation } = ask(this.#answers, this.#interval);
    const decided = recommendation.then(
      (decision) => ({ interval: decision.interval, show: () => this.#showDecision(decision) }),
      (error) => ({ show: () => this.#showFailure(error) }),
    );
    // Both at once, so that nothing moves; what is to be known is told even where there is no recommendation.
    const [{ interval, show }, held] = await Promise.all([decided, subscription]);
    if (!current()) return;
    this.#interval ??= interval ?? held.interval ?? "month";
    chooseInterval(this.#parts, this.#interval);
    this.#showNotices(held.notices ?? []);
    this.#parts.leave.hidden = held.billed_by !== "here" || held.cancellation !== null;
    show();
    // The cards come first: nothing of the catalogue is in view until then.
    await this.#answers.get("plans", { interval: this.#interval }).then(
      (onSale) => current() && this.#showCatalogue(onSale),
      (error) => current() && this.#showCatalogueFailure(error),
    );
    if (current()) this.#goOn();
  }

  /** Go on to the plan that the host page named, if it can be taken and no other one was. */
  #goOn() {
    const plans = [...(this.#decision?.plans ?? []), ...(this.#onSale?.plans ?? [])];
    const wished = plans.find(({ plan, selection }) => plan === this.#wish && selection.state === "selectable");
    this.#wish = null;
    if (wished && !this.#chosen) this.#select(wished, this.#parts.heading);
  }

  /** What the organisation should know; a change or a cancellation that waits can be taken back. */
  #showNotices(notices) {
    const takeBack = (path) =>
      this.#client.delete(path).then(() => (this.#changed = true), (error) => this.#report(error, "cancel")).then(() => this.load());
    const pay = () => payOverdue(this.#client, this.#words, { paid: () => this.load(), failed: (error) => this.#report(error, "payment"), dialog: this.dialog });
    this.#parts.notices.replaceChildren(...notices.map((each) => notice(each, { words: this.#words, takeBack, pay })));
  }

  #cancelSubscription(from) {
    cancellation({ ...this.#steps(from), told: (name, more) => this.#emit(name, more), changed: () => (this.#changed = true) });
  }

  /** What every way through the second view needs. */
  #steps(from) {
    const left = () => {
      this.#leave = null;
      if (this.#changed) this.load();
    };
    const steps = secondView(this.#parts, { words: this.#words, from, left });
    this.#leave = steps.back;
    return { client: this.#client, words: this.#words, close: () => this.close(), ...steps };
  }

  #showDecision(decision) {
    this.#decision = decision;
    const { cards, plans, recommendation: place } = this.#parts;
    const list = decision.plans.map((plan) => card(plan, this.#tools()));
    plans.removeAttribute("aria-busy");
    const some = list.length > 0;
    place.replaceChildren(...(some ? recommendation(decision) : []));
    cards.replaceChildren(some ? h("ol", { class: "cards", role: "list" }, list) : this.#nothing(decision.context.message));
    rescueFocus(this.#parts, some ? place : cards);
    this.#impressions.watch(list);
    const { strategy, model_version } = decision;
    const shown = decision.plans.map(({ plan, position, recommended }) => ({ plan, position, recommended }));
    this.#emit("view", { ...this.#facts(), strategy, model_version, plans: shown });
    this.#once(decision.decision_id, () => this.#send(outcome("viewed", decision.decision_id)));
  }

  /** What this page has told before, in this opening or an earlier one, is not told again. */
  #once(what, tell) {
    if (this.#seenDecisions.has(what)) return;
    this.#seenDecisions.add(what);
    tell();
  }

  #nothing(message) {
    const contact = () => this.#parts.enterprise.contact();
    return h("div", { class: "empty" }, h("p", {}, message), button("secondary", this.#words.say("enterprise.action"), contact));
  }

  #showFailure(error) {
    this.#report(error, "recommendation");
    this.#decision = null;
    this.#parts.plans.removeAttribute("aria-busy");
    this.#parts.recommendation.replaceChildren();
    this.#parts.cards.replaceChildren(this.#failure(error, "recommendation"));
    rescueFocus(this.#parts, this.#parts.cards);
    // The catalogue may be there all the same.
    if (error.kind === "failed") this.#toggle(true);
  }

  #showCatalogue(onSale) {
    this.#onSale = onSale;
    offerIntervals(this.#parts, onSale.intervals);
    this.#parts.saving.textContent = onSale.saving_text ?? "";
    this.#parts.elsewhere.textContent = onSale.elsewhere_text ?? "";
    enrich(this.#parts.enterprise, onSale.enterprise, onSale, this.#words);
    this.#drawCatalogue();
  }

  #showCatalogueFailure(error) {
    this.#onSale = null;
    this.#report(error, "plans");
    this.#parts.region.replaceChildren(this.#failure(error, "plans"));
  }

  #drawCatalogue() {
    if (this.#parts.region.hidden || !this.#onSale) return;
    this.#view.family ??= this.#decision?.plans[0]?.family ?? null;
    const recommended = this.#decision?.plans.find((plan) => plan.recommended)?.plan;
    const contact = () => this.#parts.enterprise.contact();
    const parts = catalogue(this.#onSale, { ...this.#tools(), view: this.#view, recommended, contact });
    this.#parts.region.replaceChildren(...parts.filter(Boolean));
  }

  #failure({ kind }, section) {
    return failure(kind, section, { words: this.#words, retry: () => this.load() });
  }

  #toggle(open) {
    const { region, toggle } = this.#parts;
    region.hidden = !open;
    toggle.setAttribute("aria-expanded", String(open));
    toggle.textContent = this.#words.say(open ? "all.hide" : "all.title");
    this.#drawCatalogue();
  }

  #tools() {
    return { words: this.#words, select: (plan, button) => this.#select(plan, button) };
  }

  /** A plan is chosen: the host may go on from here (`preventDefault`), else the change is previewed. */
  async #select(plan, from) {
    const ranked = this.#decision?.plans.find((each) => each.plan === plan.plan);
    const facts = { plan: plan.plan, position: ranked?.position };
    const body = this.#decision && outcome("selected", this.#decision.decision_id, facts);
    this.#chosen = true;
    this.#send(body);
    if (!this.#emit("select", { ...this.#facts(), ...facts }, { cancelable: true })) {
      this.handedOver = true;
      this.close();
      return;
    }
    const { decision_id } = this.#facts();
    change(
      { plan: plan.plan, name: plan.name, interval: this.#interval, ...(decision_id && { decision_id }), ...(plan.promotion && { promotion: plan.promotion.code }) },
      {
        ...this.#steps(from),
        unlocked: plan.features.filter(({ included }) => included).map(({ text }) => text),
        ask: () => this.#askForMethod(),
        told: (name, more) => {
          if (name === "confirm") this.#send(body && outcome("checkout_started", decision_id, facts));
          if (name === "success") this.#changed = true;
          this.#emit(name, { ...this.#facts(), ...facts, ...more });
        },
      },
    );
  }

  /** The host page shows its payment provider's form and answers with `event.detail.respondWith(promise)`. */
  async #askForMethod() {
    let answer = null;
    this.#emit("payment-method", { respondWith: (said) => (answer = said) });
    return answer;
  }

  #seen({ plan: { plan, position, recommended } }) {
    const { decision_id } = this.#facts();
    this.#once(`${decision_id} ${plan}`, () => this.#send(outcome("impression", decision_id, { plan, position })));
    this.#emit("impression", { ...this.#facts(), plan, position, recommended });
  }

  #ended() {
    this.#turn += 1;
    this.#impressions.stop();
    if (!this.#chosen && this.#decision) this.#send(outcome("dismissed", this.#decision.decision_id));
    this.closed({ ...this.#facts(), reason: this.#changed ? "changed" : this.#chosen ? "selected" : "dismissed" });
  }

  #send(body) {
    if (body) send(this.#client, body).catch((error) => this.#report(error, "outcome"));
  }

  #facts() {
    return { decision_id: this.#decision?.decision_id ?? null, interval: this.#interval };
  }

  #report({ kind, code, status }, section) {
    if (section !== "outcome") this.#failed.add(kind);
    this.#emit("error", { section, code, status });
  }
}
