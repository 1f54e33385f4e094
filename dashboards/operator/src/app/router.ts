/** The address bar: links of ours change it without a reload, and back and forward work. */
import { HOME } from "./pages";
import { formatRoute, parseRoute } from "./route-data";
import type { Route } from "./route-data";

class Router extends EventTarget {
  start(): void {
    addEventListener("popstate", () => this.dispatchEvent(new Event("change")));
    document.addEventListener("click", (event) => this.follow(event));
  }

  get route(): Route {
    return parseRoute(location.pathname, location.search, HOME);
  }

  go(page: string, rest: readonly string[] = [], query: Record<string, string> = {}, replace = false): void {
    const address = formatRoute(page, rest, query);
    if (address === location.pathname + location.search) return;
    if (replace) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    this.dispatchEvent(new Event("change"));
  }

  private follow(event: MouseEvent): void {
    const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement);
    if (!plain || event.defaultPrevented || link === undefined || link.target || link.hasAttribute("download")) return;
    if (link.origin !== location.origin || !link.dataset["page"]) return;
    event.preventDefault();
    const route = parseRoute(link.pathname, link.search, HOME);
    this.go(route.page, route.rest, { ...route.query });
  }
}

export const router = new Router();
