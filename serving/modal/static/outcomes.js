// What becomes of a decision: told to the service, and to the host page when a card has really been seen.

const ATTEMPTS = 3;
const SEEN_AFTER_MS = 1_000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** One outcome of a decision; its id and instant are made once, however often it is sent. */
export function outcome(kind, decision_id, { plan, position } = {}) {
  return { event_id: crypto.randomUUID(), decision_id, kind, plan, position, occurred_at: new Date().toISOString() };
}

/** Send an outcome; what may succeed later is tried again. */
export async function send(client, body) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await client.outcome(body);
    } catch (error) {
      const final = error.status !== null && error.status < 500;
      if (final || attempt === ATTEMPTS) throw error;
      await pause(400 * attempt ** 2);
    }
  }
}

/** Calls `seen(card)` once for each element that has been half visible for a second. */
export class Impressions {
  #timers = new Map();
  #observer;

  constructor(seen) {
    this.#observer = new IntersectionObserver((entries) => entries.forEach((entry) => this.#note(entry, seen)), {
      threshold: [0, 0.25, 0.5, 0.75],
    });
  }

  watch(cards) {
    this.stop();
    for (const card of cards) this.#observer.observe(card);
  }

  stop() {
    this.#observer.disconnect();
    this.#timers.forEach(clearTimeout);
    this.#timers.clear();
  }

  #note({ target, intersectionRatio, intersectionRect, rootBounds }, seen) {
    // A card that is taller than two screens is never half visible: half a screen of it counts.
    const visible = intersectionRatio >= 0.5 || (rootBounds && intersectionRect.height >= rootBounds.height / 2);
    if (!visible) {
      clearTimeout(this.#timers.get(target));
      this.#timers.delete(target);
    } else if (!this.#timers.has(target)) {
      const timer = setTimeout(() => {
        this.#observer.unobserve(target);
        seen(target);
      }, SEEN_AFTER_MS);
      this.#timers.set(target, timer);
    }
  }
}
