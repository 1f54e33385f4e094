/** Texts and figures in the language of whoever looks. */
import { de } from "./de";
import { en } from "./en";
import { fill } from "./fill";
import { zh } from "./zh";

export type MessageKey = keyof typeof en;
export type Messages = Readonly<Record<MessageKey, string>>;
export const LANGUAGES = { en: "English", de: "Deutsch", zh: "中文" } as const;
export type Language = keyof typeof LANGUAGES;
const CATALOGUES: Readonly<Record<Language, Messages>> = { en, de, zh };
const KEY = "ussop.language";

function isLanguage(text: string | null | undefined): text is Language {
  return text !== null && text !== undefined && text in LANGUAGES;
}

function firstLanguage(): Language {
  const stored = localStorage.getItem(KEY);
  if (isLanguage(stored)) return stored;
  return navigator.languages.map((tag) => tag.slice(0, 2)).find(isLanguage) ?? "en";
}

class Locale extends EventTarget {
  language: Language = firstLanguage();

  choose(language: Language): void {
    this.language = language;
    localStorage.setItem(KEY, language);
    this.apply();
    this.dispatchEvent(new Event("change"));
  }

  apply(): void {
    document.documentElement.lang = this.language;
  }

  text(key: MessageKey, values: Readonly<Record<string, string | number>> = {}): string {
    return fill(CATALOGUES[this.language][key], values);
  }

  number(value: number, digits = 0): string {
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    return new Intl.NumberFormat(this.language, options).format(value);
  }

  percent(share: number, digits = 0): string {
    const options = { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits } as const;
    return new Intl.NumberFormat(this.language, options).format(share);
  }

  time(at: string | number | Date): string {
    return new Intl.DateTimeFormat(this.language, { timeStyle: "medium" }).format(new Date(at));
  }

  /** Hour and minute only. */
  hour(at: string): string {
    return new Intl.DateTimeFormat(this.language, { timeStyle: "short" }).format(new Date(at));
  }

  /** Short enough for a row of a list; the year only where it is not this one. */
  rowTime(at: string, now = new Date()): string {
    const date = new Date(at);
    const year = date.getFullYear() === now.getFullYear() ? {} : ({ year: "numeric" } as const);
    const parts = { ...year, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" } as const;
    return new Intl.DateTimeFormat(this.language, parts).format(date);
  }

  dateTime(at: string | number | Date): string {
    return new Intl.DateTimeFormat(this.language, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(at));
  }
}

/** Whether there is a text of that name, for names that come from the platform. */
export const isKnown = (key: string): key is MessageKey => Object.hasOwn(en, key);

/** A name of the platform in the language chosen; one of a newer platform as it is. */
export const named = (group: string, name: string): string => {
  const key = `${group}.${name}`;
  return isKnown(key) ? t(key) : name.replaceAll("_", " ");
};

export const locale = new Locale();
export const t = (key: MessageKey, values?: Readonly<Record<string, string | number>>): string =>
  locale.text(key, values);
