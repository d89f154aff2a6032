// Calls to the service on behalf of one organisation.

const PATIENCE_MS = 15_000;
const LOST_CREDENTIALS = new Set(["token_expired", "credential_invalid", "credential_missing"]);

/** Why a call has no answer; `kind` is what the reader is told: offline, expired, invalid or failed. */
export class Unanswered extends Error {
  constructor(kind, { status = null, code = kind, errors = [] } = {}) {
    super(code);
    Object.assign(this, { kind, status, code, errors });
  }
}

export class Client {
  #element;
  #renewal = null;

  constructor(element) {
    this.#element = element;
  }

  get(path, query = {}) {
    return this.#call(this.#own(path), query, {});
  }

  post(path, body) {
    return this.#call(this.#own(path), {}, { body: JSON.stringify(body) });
  }

  /** Outcomes outlive the page: `keepalive` lets one be sent while the reader leaves. */
  outcome(body) {
    return this.#call("/v1/outcomes", {}, { body: JSON.stringify(body), keepalive: true });
  }

  #own(path) {
    return `/v1/organizations/${encodeURIComponent(this.#element.organization)}/${path}`;
  }

  async #call(path, query, init) {
    const token = this.#element.token;
    try {
      return await this.#once(path, query, init);
    } catch (error) {
      if (error.kind !== "expired" || !(await this.#renewed(token))) throw error;
      return this.#once(path, query, init);
    }
  }

  async #once(path, query, init) {
    const url = new URL(path, this.#element.api);
    url.search = new URLSearchParams({ ...query, locale: this.#element.locale });
    const headers = { Accept: "application/json", Authorization: `Bearer ${this.#element.token}` };
    if (init.body) headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await this.#element.fetch(url, {
        method: init.body ? "POST" : "GET",
        headers,
        credentials: "omit",
        cache: "no-store",
        signal: AbortSignal.timeout(PATIENCE_MS),
        ...init,
      });
    } catch {
      throw new Unanswered(navigator.onLine ? "failed" : "offline");
    }
    const answer = await response.json().catch(() => null);
    if (response.ok && answer !== null) return answer;
    const { code, errors } = answer ?? {};
    const kind = LOST_CREDENTIALS.has(code) ? "expired" : response.status === 422 ? "invalid" : "failed";
    throw new Unanswered(kind, { status: response.status, code, errors });
  }

  /** Ask the host page for another token, once for all calls that wait; false when it has none. */
  async #renewed(refused) {
    if (this.#element.token !== refused) return true;
    this.#renewal ??= this.#element.renewToken().finally(() => (this.#renewal = null));
    const token = await this.#renewal.catch(() => null);
    return Boolean(token) && token !== refused;
  }
}
