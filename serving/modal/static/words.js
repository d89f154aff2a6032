// The modal's own words, loaded once per language, and numbers as that language writes them.

const loaded = new Map();

export const LOCALES = ["de", "en", "fr"];

/** The language of ours that a tag such as `de-AT` names, else German. */
export function supported(tag) {
  const primary = (tag ?? "").toLowerCase().split(/[-_]/)[0];
  return LOCALES.includes(primary) ? primary : "de";
}

/** The words of a language; a failed attempt is not remembered. */
export function wordsOf(locale, fetchText) {
  const key = supported(locale);
  if (!loaded.has(key)) {
    const promise = fetchText(new URL(`messages.${key}.json`, import.meta.url)).then((table) => new Words(key, table));
    promise.catch(() => loaded.delete(key));
    loaded.set(key, promise);
  }
  return loaded.get(key);
}

class Words {
  #table;
  #plural;

  constructor(locale, table) {
    this.locale = locale;
    this.#table = table;
    this.#plural = new Intl.PluralRules(locale);
  }

  /** A message with its `{placeholders}` filled in; `count` chooses between its plural forms. */
  say(key, params = {}) {
    const form = "count" in params ? `${key}.${this.#plural.select(params.count)}` : key;
    const text = this.#table[form] ?? this.#table[`${key}.other`] ?? this.#table[key];
    if (text === undefined) throw new Error(`no message ${key} in ${this.locale}`);
    return text.replace(/\{(\w+)\}/g, (_, name) => {
      const value = params[name];
      return typeof value === "number" ? value.toLocaleString(this.locale) : value;
    });
  }

  /** Whole amounts without decimals, as the service writes them; the browser's own decimals are not those of ISO 4217. */
  money(amount_cents, currency) {
    const decimals = this.#table.decimals[currency] ?? 2;
    const amount = amount_cents / 10 ** decimals;
    const shown = Number.isInteger(amount) ? 0 : decimals;
    const format = { style: "currency", currency, minimumFractionDigits: shown, maximumFractionDigits: shown };
    return new Intl.NumberFormat(this.locale, format).format(amount);
  }

  /** A share in whole percent; what is less than one of them, but not nothing, says so. */
  percent(share) {
    const whole = (part) => part.toLocaleString(this.locale, { style: "percent", maximumFractionDigits: 0 });
    return share > 0 && share < 0.01 ? `< ${whole(0.01)}` : whole(share);
  }

  /** The last day before a half-open end, in UTC as the catalogue states it. */
  lastDay(ends_at) {
    return this.day(new Date(Date.parse(ends_at) - 1));
  }

  day(instant) {
    const parts = new Intl.DateTimeFormat(this.locale, { dateStyle: "long", timeZone: "UTC" }).formatToParts(new Date(instant));
    // French writes the first of a month as an ordinal.
    const first = ({ type, value }) => this.locale === "fr" && type === "day" && value === "1";
    return parts.map((part) => (first(part) ? "1er" : part.value)).join("");
  }
}
