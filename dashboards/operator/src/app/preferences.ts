/** What this device remembers: colours and language. Nothing of it is secret. */
export type Theme = "light" | "dark";
const THEME_KEY = "ussop.theme";

function stored(): Theme | null {
  const value = localStorage.getItem(THEME_KEY);
  return value === "light" || value === "dark" ? value : null;
}

class ThemeChoice extends EventTarget {
  private readonly system = matchMedia("(prefers-color-scheme: dark)");
  private chosen = stored();

  constructor() {
    super();
    this.system.addEventListener("change", () => this.apply());
  }

  get current(): Theme {
    return this.chosen ?? (this.system.matches ? "dark" : "light");
  }

  toggle(): void {
    this.chosen = this.current === "dark" ? "light" : "dark";
    localStorage.setItem(THEME_KEY, this.chosen);
    this.apply();
  }

  apply(): void {
    const root = document.documentElement;
    root.classList.toggle("wa-dark", this.current === "dark");
    root.classList.toggle("wa-light", this.current === "light");
    this.dispatchEvent(new Event("change"));
  }
}

export const theme = new ThemeChoice();
