// What the service has answered in one opening of the dialog.

/** What was answered, until it is forgotten: the same is asked once; what failed is asked again. */
export class Answers {
  #client;
  #kept = new Map();

  constructor(client) {
    this.#client = client;
  }

  get(path, query) {
    const key = JSON.stringify([path, query]);
    if (!this.#kept.has(key)) {
      const answer = this.#client.get(path, query);
      this.#kept.set(key, answer);
      answer.catch(() => this.#kept.get(key) === answer && this.#kept.delete(key));
    }
    return this.#kept.get(key);
  }

  forget() {
    this.#kept.clear();
  }
}

/** Ask for what the dialog shows first; without an `interval` it is the one that the organisation pays at. */
export function ask(answers, interval) {
  const subscription = answers.get("subscription").catch(() => ({}));
  const recommendation = answers.get("plan-recommendations", interval ? { interval } : {});
  return { subscription, recommendation };
}
