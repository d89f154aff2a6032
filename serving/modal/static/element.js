// <plan-modal>: attributes in, events out. The host's link or button inside it opens the dialog.
import { Client, Unanswered } from "./client.js";
import { h } from "./dom.js";
import { lockPage } from "./frame.js";
import { Session } from "./session.js";
import { supported, wordsOf } from "./words.js";

/** The plan-change modal of one organisation. */
export class PlanModalElement extends HTMLElement {
  static observedAttributes = ["token"];

  #client = new Client(this);
  #styles;
  #opening = false;
  #session = null;
  #seenDecisions = new Set();

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
  }

  disconnectedCallback() {
    removeEventListener("online", this.#online);
    this.close();
  }

  attributeChangedCallback(name, before, after) {
    if (after && before !== after) this.#session?.recover("expired");
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
    try {
      const [words] = await Promise.all([this.#words(), this.#styles]);
      this.#session = new Session({
        client: this.#client,
        emit: (...event) => this.#emit(...event),
        words,
        interval: this.getAttribute("interval"),
        plan: this.getAttribute("plan"),
        seenDecisions: this.#seenDecisions,
        closed: (facts) => this.#closed(facts, opener),
      });
    } finally {
      this.#opening = false;
    }
    this.shadowRoot.append(this.#session.dialog);
    lockPage(true);
    const filled = this.#session.start();
    this.#emit("open", {});
    await filled;
  }

  close() {
    this.#session?.close();
  }

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

  #closed(facts, opener) {
    this.#session.dialog.remove();
    this.#session = null;
    lockPage(false);
    opener?.focus();
    this.#emit("close", facts);
  }

  /** False when a listener has prevented what would come next. */
  #emit(name, detail, { cancelable = false } = {}) {
    return this.dispatchEvent(
      new CustomEvent(`plan-modal:${name}`, { detail, bubbles: true, composed: true, cancelable }),
    );
  }
}
