/** Addresses: `/history/<id>?decision=fail` is the page `history`, the rest `<id>`, and its parameters. */
export interface Route {
  readonly page: string;
  readonly rest: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

export function parseRoute(path: string, search: string, home: string): Route {
  const parts = path.split("/").filter(Boolean).map(decoded);
  const query = Object.fromEntries(new URLSearchParams(search));
  return { page: parts[0] ?? home, rest: parts.slice(1), query };
}

export function formatRoute(page: string, rest: readonly string[] = [], query: Record<string, string> = {}): string {
  const path = [page, ...rest].map(encodeURIComponent).join("/");
  const filled = Object.entries(query).filter(([, value]) => value !== "");
  const search = new URLSearchParams(filled).toString();
  return search ? `/${path}?${search}` : `/${path}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a stray per cent sign is nobody's id, and no reason to show nothing
  }
}
