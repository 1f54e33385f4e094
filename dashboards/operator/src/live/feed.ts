/** Follows the events of the plant: over a WebSocket, by asking where there is none, and says when neither works. */
import { session } from "../api/session";
import { FIRST, isTrusted, next, restart, shouldAsk, shouldPoll, waitMs } from "./connection-data";
import type { Happening, Link } from "./connection-data";
import { parseMessage, toMessage } from "./message-data";
import type { Message } from "./message-data";

const TICK_MS = 250;
const POLL_MS = 1_000;
const POLL_TIMEOUT_MS = 2_000;
const CLOSED_FOR_TOKEN = 4401;

export class Feed extends EventTarget {
  link: Link = FIRST;
  private socket: WebSocket | null = null;
  private ticker = 0;
  private retryAtMs = 0;
  private askedMs = 0;
  private polledMs = 0;
  private isPolling = false;
  private readonly offline = () => this.drop();

  /** @param onMessage Gets every message, in order. */
  constructor(private readonly onMessage: (message: Message) => void) {
    super();
  }

  start(): void {
    if (this.ticker !== 0) return;
    this.ticker = window.setInterval(() => this.tick(), TICK_MS);
    addEventListener("offline", this.offline);
    this.tick();
  }

  stop(): void {
    clearInterval(this.ticker);
    removeEventListener("offline", this.offline);
    this.ticker = 0;
    this.close();
    this.set(FIRST);
  }

  get isTrusted(): boolean {
    return isTrusted(this.link);
  }

  private tick(): void {
    const nowMs = performance.now();
    this.happen({ kind: "tick", nowMs });
    if (this.link.phase === "lost" && this.socket?.readyState === WebSocket.OPEN) this.drop();
    if (this.socket === null && nowMs >= this.retryAtMs) void this.open();
    if (shouldAsk(this.link, nowMs) && nowMs - this.askedMs >= POLL_MS) this.ask(nowMs);
    if (shouldPoll(this.link) && !this.isPolling && nowMs - this.polledMs >= POLL_MS) void this.poll(nowMs);
  }

  private async open(): Promise<void> {
    this.retryAtMs = Infinity;
    const token = await session.accessToken().catch(() => null);
    if (this.ticker === 0) return;
    if (token === null) {
      this.broken();
      return;
    }
    const query = this.link.after === null ? "" : `?after=${this.link.after}`;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    // The token goes as a subprotocol: a URL would leave it in the logs of every proxy on the way.
    const protocols = ["ussop.v1", `ussop.token.${token}`];
    const socket = new WebSocket(`${scheme}://${location.host}/ws/dashboard${query}`, protocols);
    this.socket = socket;
    socket.onmessage = (event: MessageEvent<string>) => socket === this.socket && this.receive(event.data);
    socket.onclose = (event) => {
      if (socket !== this.socket) return;
      this.broken();
      if (event.code === CLOSED_FOR_TOKEN) void session.refused(token).catch(() => undefined);
    };
  }

  private receive(text: string): void {
    const message = parseMessage(text);
    if (message === null) return;
    this.take(message);
    this.happen({ kind: "heard", nowMs: performance.now(), seq: message.seq });
  }

  private take(message: Message): void {
    if (message.type === "reset") this.set(restart(this.link, message.seq));
    this.onMessage(message);
  }

  /** The token once more: it is answered, which tells that somebody is there, and keeps the connection past its end. */
  private ask(nowMs: number): void {
    this.askedMs = nowMs;
    const { socket, ticker } = this;
    void session
      .accessToken()
      .then((token) => {
        if (ticker === this.ticker && socket?.readyState === WebSocket.OPEN) {
          socket.send(JSON.stringify({ type: "auth", token }));
        }
      })
      .catch(() => undefined); // the silence tells it
  }

  private async poll(nowMs: number): Promise<void> {
    this.isPolling = true;
    this.polledMs = nowMs;
    try {
      const token = await session.accessToken();
      const query = this.link.after === null ? "" : `?after=${this.link.after}`;
      const response = await fetch(`/api/v1/events${query}`, {
        headers: { Authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(POLL_TIMEOUT_MS),
      });
      if (!response.ok || !shouldPoll(this.link) || this.ticker === 0) return;
      const page = (await response.json()) as { events: unknown[]; last_seq: number; reset: object | null };
      if (page.reset !== null) this.take({ type: "reset", seq: page.last_seq });
      for (const event of page.events) {
        const message = toMessage(event);
        if (message !== null) this.take(message);
      }
      this.happen({ kind: "polled", nowMs: performance.now(), seq: page.last_seq });
    } catch {
      // The silence tells it; the next turn comes in a second.
    } finally {
      this.isPolling = false;
    }
  }

  private drop(): void {
    this.close();
    this.broken();
  }

  private close(): void {
    const socket = this.socket;
    this.socket = null;
    this.retryAtMs = 0;
    socket?.close();
  }

  private broken(): void {
    this.socket = null;
    this.happen({ kind: "broken" });
    this.retryAtMs = performance.now() + waitMs(this.link.failures, Math.random());
  }

  private happen(event: Happening): void {
    this.set(next(this.link, event));
  }

  private set(link: Link): void {
    const isChanged = link.phase !== this.link.phase;
    this.link = link;
    if (isChanged) this.dispatchEvent(new Event("change"));
  }
}
