/**
 * The session of this browser.
 *
 * Tokens are held in memory and in sessionStorage: a reload keeps them, closing the tab forgets them, and nothing is
 * left on a shared PC at the line. Tabs hand them to each other over a BroadcastChannel, so that a link opened in a
 * new tab is signed in too. A refresh token is good for one use, and using it twice ends the session: whoever renews
 * holds a lock of the browser, and asks the other tabs for a newer pair first.
 */
import { ApiError, isUnreachable, readError } from "./errors";
import { isNewer, isTokens, isUsable, parseTokens, reaches, renewInMs, tokensOf } from "./session-data";
import type { Role, TokenAnswer, Tokens } from "./session-data";

const KEY = "ussop.session";
const CHANNEL = "ussop.session";
const LOCK = "ussop.session.renew";
const ANSWER_MS = 150; // other tabs answer within a few milliseconds, or are busy, or asleep
const NEWER_MS = 500; // before a token is used up it is worth waiting longer; the server forgives for ten seconds
const RETRY_MS = 5_000;

type Told = { kind: "ask" } | { kind: "tokens"; tokens: Tokens } | { kind: "ended"; userId: string };

export class Session extends EventTarget {
  private tokens: Tokens | null = parseTokens(sessionStorage.getItem(KEY));
  private readonly channel = new BroadcastChannel(CHANNEL);
  private timer = 0;
  /** Who was signed in when the session ended against their will; their page stays as it is below the sign-in. */
  interrupted: string | null = null;

  constructor() {
    super();
    this.channel.onmessage = (event: MessageEvent<Told>) => this.hear(event.data);
    this.schedule();
  }

  get user(): Tokens | null {
    return this.tokens;
  }

  can(role: Role): boolean {
    return this.tokens !== null && reaches(this.tokens.roles, role);
  }

  /** Resolves once it is known whether another tab has a session for us. */
  async start(): Promise<void> {
    if (this.tokens === null) await this.ask(ANSWER_MS);
  }

  async signIn(username: string, password: string): Promise<void> {
    this.interrupted = null;
    this.take(await post("/api/v1/auth/login", { username, password }));
  }

  async changePassword(oldPassword: string, newPassword: string): Promise<void> {
    const body = { old_password: oldPassword, new_password: newPassword };
    this.take(await post("/api/v1/users/me/password", body, "PUT", await this.accessToken()));
  }

  async signOut(): Promise<void> {
    const tokens = this.tokens;
    if (tokens === null) return;
    try {
      await post("/api/v1/auth/logout", { refresh_token: tokens.refresh }, "POST", tokens.access);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // the tokens are forgotten here whatever the server says
    }
    this.interrupted = null;
    this.tell({ kind: "ended", userId: tokens.userId });
    this.forget();
  }

  /**
   * A token that is good for a call.
   *
   * @throws ApiError 401 where the session has ended, or 0 where the server cannot be reached.
   */
  async accessToken(): Promise<string> {
    if (this.tokens !== null && !isUsable(this.tokens, Date.now())) await this.renew(this.tokens);
    if (this.tokens === null) throw new ApiError(401, "not_authenticated", "the session has ended");
    return this.tokens.access;
  }

  /** After the server refused a token: renews it once, or ends the session. */
  async refused(access: string): Promise<void> {
    if (this.tokens !== null && this.tokens.access === access) await this.renew(this.tokens);
  }

  private async renew(old: Tokens): Promise<void> {
    await navigator.locks.request(LOCK, async () => {
      if (!isNewer(this.tokens, old)) await this.ask(NEWER_MS);
      if (this.tokens === null || isNewer(this.tokens, old)) return;
      try {
        this.take(await post("/api/v1/auth/refresh", { refresh_token: old.refresh }));
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 401) throw error;
        this.interrupted = old.username;
        this.forget();
      }
    });
  }

  private ask(waitMs: number): Promise<void> {
    const before = this.tokens;
    this.tell({ kind: "ask" });
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.removeEventListener("change", onChange);
        resolve();
      };
      const onChange = () => isNewer(this.tokens, before) && done();
      const timer = setTimeout(done, waitMs);
      this.addEventListener("change", onChange);
    });
  }

  private hear(told: Told): void {
    if (told.kind === "ask") {
      if (this.tokens !== null) this.tell({ kind: "tokens", tokens: this.tokens });
    } else if (told.kind === "tokens") {
      if (isTokens(told.tokens) && isNewer(told.tokens, this.tokens)) this.keep(told.tokens);
    } else if (this.tokens?.userId === told.userId) {
      this.forget();
    }
  }

  private take(answer: TokenAnswer): void {
    const tokens = tokensOf(answer, Date.now());
    this.keep(tokens);
    this.tell({ kind: "tokens", tokens });
  }

  private keep(tokens: Tokens): void {
    this.tokens = tokens;
    this.interrupted = null;
    sessionStorage.setItem(KEY, JSON.stringify(tokens));
    this.schedule();
    this.dispatchEvent(new Event("change"));
  }

  private forget(): void {
    this.tokens = null;
    sessionStorage.removeItem(KEY);
    clearTimeout(this.timer);
    this.dispatchEvent(new Event("change"));
  }

  private tell(told: Told): void {
    this.channel.postMessage(told);
  }

  private schedule(inMs?: number): void {
    clearTimeout(this.timer);
    const tokens = this.tokens;
    if (tokens === null) return;
    this.timer = window.setTimeout(() => {
      this.renew(tokens).catch((error: unknown) => {
        if (!isUnreachable(error)) console.warn("the session could not be renewed", error);
        this.schedule(RETRY_MS);
      });
    }, inMs ?? renewInMs(tokens, Date.now()));
  }
}

async function post(path: string, body: object, method = "POST", access?: string): Promise<TokenAnswer> {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (access !== undefined) headers["Authorization"] = `Bearer ${access}`;
  let response: Response;
  try {
    response = await fetch(path, { method, headers, body: JSON.stringify(body) });
  } catch {
    throw new ApiError(0, "unreachable", "");
  }
  if (!response.ok) throw await readError(response);
  return (await response.json()) as TokenAnswer;
}

export const session = new Session();
