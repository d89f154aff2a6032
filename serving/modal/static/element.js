// <plan-modal>: attributes in, events out. The host's link or button inside it opens the dialog.
import { Answers, ask } from "./answers.js";
import { Client, Unanswered } from "./client.js";
import { h } from "./dom.js";
import { INTERVALS, lockPage } from "./frame.js";
import { Session } from "./session.js";
import { supported, wordsOf } from "./words.js";

/** The plan-change modal of one organisation. */
export class PlanModalElement extends HTMLElement {
  static observedAttributes = ["token", "locale"];

  #client = new Client(this);
  #styles;
  #opening = false;
  #session = null;
  #seenDecisions = new Set();
  #opener = null;
  #changing = false;

  /** Register the element; the class can be registered under any name. */
  static define(tag = "plan-modal", registry = customElements) {
    if (!registry.get(tag)) registry.define(tag, this);
    return this;
  }

  constructor() {
    super();
    const link = h("link", { rel: "stylesheet", href: new URL("plan-modal.css", import.meta.url).href });
    this.#styles = new Promise((resolve, reject) => {
      link.addEventListener("load", resolve);
      link.addEventListener("error", () => reject(new Unanswered("failed", { code: "styles" })));
    });
    this.#styles.catch(() => {});
    this.attachShadow({ mode: "open" }).append(link, h("slot"));
    this.addEventListener("click", (event) => this.#clicked(event));
  }

  connectedCallback() {
    this.#words().catch(() => {});
    addEventListener("online", this.#online);
    addEventListener("popstate", this.#wentBack);
  }

  disconnectedCallback() {
    removeEventListener("online", this.#online);
    removeEventListener("popstate", this.#wentBack);
    this.close();
  }

  attributeChangedCallback(name, before, after) {
    if (!this.#session || !after || before === after) return;
    if (name === "token") this.#session.recover("expired");
    else {
      // The same dialog with the words of another language: it opens again once it has closed.
      this.#changing = true;
      this.close();
    }
  }

  get organization() {
    return this.getAttribute("organization") ?? "";
  }

  get token() {
    return this.getAttribute("token") ?? "";
  }

  set token(token) {
    this.setAttribute("token", token);
  }

  /** Where the service answers; by default where this script came from. */
  get api() {
    return this.getAttribute("api") ?? new URL(import.meta.url).origin;
  }

  get locale() {
    return supported(this.getAttribute("locale") ?? document.documentElement.lang);
  }

  /** How every request is made; a host page may override it. */
  fetch(url, init) {
    return window.fetch(url, init);
  }

  /** Ask the host page for a new token: it answers with `event.detail.respondWith(promise)`. */
  async renewToken() {
    let answer = null;
    this.#emit("token-expired", { respondWith: (token) => (answer = token) });
    const token = await answer;
    if (token) this.token = token;
    return token;
  }

  /** Open the dialog; in the end the focus goes back to `opener`. */
  async open(opener = document.activeElement) {
    if (this.#opening || this.#session) return;
    this.#opening = true;
    const answers = new Answers(this.#client);
    const interval = INTERVALS.find((each) => each === this.getAttribute("interval")) ?? null;
    // Asked for while words and styles may still be under way.
    ask(answers, interval);
    try {
      const [words] = await Promise.all([this.#words(), this.#styles]);
      this.#session = new Session({
        client: this.#client,
        answers,
        emit: (...event) => this.#emit(...event),
        words,
        interval,
        plan: this.getAttribute("plan"),
        seenDecisions: this.#seenDecisions,
        closed: (facts) => this.#closed(facts),
      });
    } finally {
      this.#opening = false;
    }
    this.#opener = opener;
    this.shadowRoot.append(this.#session.dialog);
    lockPage(true);
    if (!history.state?.planModal) history.pushState({ ...history.state, planModal: true }, "");
    const filled = this.#session.start();
    if (!this.#changing) this.#emit("open", {});
    this.#changing = false;
    await filled;
  }

  close() {
    this.#session?.close();
  }

  /** The browser's "Back" goes from a change to the plans, and from there out of the dialog. */
  #wentBack = () => {
    if (this.#session && !history.state?.planModal && this.#session.back()) {
      history.pushState({ ...history.state, planModal: true }, "");
    }
  };

  #online = () => this.#session?.recover("offline");

  #words() {
    return wordsOf(this.locale, (url) => this.fetch(url).then((response) => response.json()));
  }

  #clicked(event) {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const opener = event.composedPath().find((node) => node.matches?.("a[href], button") && this.contains(node));
    if (!opener) return;
    event.preventDefault();
    this.open(opener).catch((error) => {
      // Without its words or styles there is no dialog: a link leads to the page that needs neither.
      this.#emit("error", { section: "modal", code: error.code ?? "words", status: null });
      if (opener.href) location.assign(opener.href);
    });
  }

  #closed(facts) {
    const { dialog, handedOver } = this.#session;
    dialog.remove();
    this.#session = null;
    lockPage(false);
    if (this.#changing) {
      this.open(this.#opener).catch(() => (this.#changing = false));
      return;
    }
    // A host that goes on by itself may be on its way to another page already.
    if (history.state?.planModal && !handedOver) history.back();
    this.#opener?.focus();
    this.#emit("close", facts);
  }

  /** Under both names: not every framework can bind one with a colon. False when a listener prevents what comes next. */
  #emit(name, detail, { cancelable = false } = {}) {
    const how = { detail, bubbles: true, composed: true, cancelable };
    return [":", "-"].map((mark) => this.dispatchEvent(new CustomEvent(`plan-modal${mark}${name}`, how))).every(Boolean);
  }
}
