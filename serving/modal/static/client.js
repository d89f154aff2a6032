// Calls to the service on behalf of one organisation.

const PATIENCE_MS = 15_000;
// A document may have to be made first.
const PATIENCE_FOR_FILES_MS = 60_000;
const LOST_CREDENTIALS = new Set(["token_expired", "credential_invalid", "credential_missing"]);

/** Why a call has no answer; `kind` is what the reader is told: offline, expired, invalid or failed. */
export class Unanswered extends Error {
  constructor(kind, { status = null, answer = null, code = answer?.code ?? kind } = {}) {
    super(code);
    Object.assign(this, { kind, status, code, answer, errors: answer?.errors });
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

  post(path, body, headers) {
    return this.#call(this.#own(path), {}, { method: "POST", body: JSON.stringify(body), headers });
  }

  put(path, body) {
    return this.#call(this.#own(path), {}, { method: "PUT", body: JSON.stringify(body) });
  }

  delete(path) {
    return this.#call(this.#own(path), {}, { method: "DELETE" });
  }

  /** A file instead of an answer. */
  file(path) {
    return this.#call(this.#own(path), {}, { signal: AbortSignal.timeout(PATIENCE_FOR_FILES_MS) }, (response) => response.blob());
  }

  /** Outcomes outlive the page: `keepalive` lets one be sent while the reader leaves. */
  outcome(body) {
    return this.#call("/v1/outcomes", {}, { method: "POST", body: JSON.stringify(body), keepalive: true });
  }

  #own(path) {
    return `/v1/organizations/${encodeURIComponent(this.#element.organization)}/${path}`;
  }

  async #call(...how) {
    const token = this.#element.token;
    try {
      return await this.#once(...how);
    } catch (error) {
      if (error.kind !== "expired" || !(await this.#renewed(token))) throw error;
      return this.#once(...how);
    }
  }

  async #once(path, query, { headers, ...init }, read = (response) => response.json()) {
    const url = new URL(path, this.#element.api);
    url.search = new URLSearchParams({ ...query, locale: this.#element.locale });
    let response;
    try {
      response = await this.#element.fetch(url, {
        headers: {
          Accept: "application/json, */*",
          Authorization: `Bearer ${this.#element.token}`,
          ...(init.body && { "Content-Type": "application/json" }),
          ...headers,
        },
        credentials: "omit",
        cache: "no-store",
        signal: AbortSignal.timeout(PATIENCE_MS),
        ...init,
      });
    } catch {
      throw new Unanswered(navigator.onLine ? "failed" : "offline");
    }
    const answer = await (response.ok ? read(response) : response.json()).catch(() => null);
    if (response.ok && answer !== null) return answer;
    const { status } = response;
    const kind = LOST_CREDENTIALS.has(answer?.code) ? "expired" : status === 422 ? "invalid" : "failed";
    throw new Unanswered(kind, { status, answer });
  }

  /** Ask the host page for another token, once for all calls that wait; false when it has none. */
  async #renewed(refused) {
    if (this.#element.token !== refused) return true;
    this.#renewal ??= this.#element.renewToken().finally(() => (this.#renewal = null));
    const token = await this.#renewal.catch(() => null);
    return Boolean(token) && token !== refused;
  }
}
