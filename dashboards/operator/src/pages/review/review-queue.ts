/**
 * The pictures to review, with those to come fetched ahead, and an outbox for what a person has decided. Saving is
 * putting a decision into the outbox, which this device keeps: the next picture is there at once, and a reload or a lost
 * connection loses nothing. Drafts are kept the same way, with every change.
 */
import { annotationsOf } from "../../annotation/model";
import type { Annotation, Marks } from "../../annotation/model";
import { api, need } from "../../api/client";
import { ApiError } from "../../api/errors";
import { session } from "../../api/session";
import { enqueued, isWorthRetrying, parseDraft, parseOutbox, waiting } from "./queue-data";
import type { Item, Sending } from "./queue-data";

const OUTBOX_KEY = "ussop.review.outbox";
const DRAFT_KEY = "ussop.review.draft.";
const LOCK = "ussop.review.send";
const AHEAD = 12;
const REFILL_BELOW = 6;
const PRELOADED = 3;
const RETRY_MS = 2_000;
const LOOK_MS = 10_000;

export class ReviewQueue extends EventTarget {
  items: readonly Item[] = [];
  total = 0;
  classes: readonly string[] = [];
  outbox: readonly Sending[] = parseOutbox(localStorage.getItem(OUTBOX_KEY));
  isLoaded = false;
  problem: unknown = null;
  /** Why the server took a decision for none; the marks are back in the draft. */
  refusal: unknown = null;
  /** Saved in this sitting, newest last. */
  saved: readonly { readonly item: Item; readonly annotations: readonly Annotation[] }[] = [];
  private done: ReadonlySet<string> = new Set();
  private again: ReadonlySet<string> = new Set();
  private readonly pictures = new Map<string, HTMLImageElement>();
  private timer = 0;
  private isLoading = false;
  private isStopped = true;
  private readonly onOnline = () => void this.send();

  start(): void {
    this.isStopped = false;
    addEventListener("online", this.onOnline);
    void this.load();
    void this.send();
  }

  stop(): void {
    this.isStopped = true;
    removeEventListener("online", this.onOnline);
    clearTimeout(this.timer);
  }

  get current(): Item | null {
    return this.items[0] ?? null;
  }

  /** Pictures that wait, without those whose decision is on its way. */
  get left(): number {
    return Math.max(this.items.length, this.total - this.outbox.filter((one) => !one.replace).length);
  }

  async load(): Promise<void> {
    if (this.isLoading || this.isStopped) return;
    this.isLoading = true;
    try {
      const query = { limit: Math.min(100, AHEAD + this.outbox.length) };
      const page = await need(api.GET("/api/v1/active-learning/queue", { params: { query } }));
      const reopened = this.items.filter((item) => this.again.has(item.id));
      const current = this.items.slice(0, 1); // what somebody works on stays where it is
      const known = new Set([...reopened, ...current].map((item) => item.id));
      const rest = waiting(page.items, this.outbox, this.done).filter((item) => !known.has(item.id));
      this.items = [...new Map([...current, ...reopened, ...rest].map((item) => [item.id, item])).values()];
      [this.total, this.classes, this.isLoaded, this.problem] = [page.total, page.class_names, true, null];
      this.preload();
    } catch (error) {
      this.problem = error;
    } finally {
      this.isLoading = false;
    }
    this.changed();
    clearTimeout(this.timer);
    if (!this.isStopped && (this.items.length === 0 || this.problem !== null)) this.timer = window.setTimeout(() => void this.load(), LOOK_MS);
  }

  /** The picture of an item, which may still be on its way. */
  picture(item: Item): HTMLImageElement {
    const known = this.pictures.get(item.id);
    if (known) return known;
    const image = new Image();
    image.src = item.image_url;
    image.decode().catch(() => undefined); // whoever shows it hears the error
    this.pictures.set(item.id, image);
    return image;
  }

  draftOf(item: Item): readonly Annotation[] | null {
    return parseDraft(localStorage.getItem(DRAFT_KEY + item.id));
  }

  keepDraft(item: Item, marks: Marks): void {
    localStorage.setItem(DRAFT_KEY + item.id, JSON.stringify(annotationsOf(marks)));
  }

  /** Takes the decision on the current picture: its marks, none for a good part, null for a skipped one. */
  decide(annotations: readonly Annotation[] | null, allowNew: boolean): void {
    const item = this.current;
    const userId = session.user?.userId;
    if (item === null || userId === undefined) return;
    const replace = this.again.has(item.id);
    this.keep(enqueued(this.outbox, { itemId: item.id, userId, annotations, allowNew, replace }));
    if (annotations !== null) this.saved = [...this.saved.filter((one) => one.item.id !== item.id), { item, annotations }];
    this.items = this.items.slice(1);
    this.done = new Set(this.done).add(item.id);
    this.again = new Set([...this.again].filter((id) => id !== item.id));
    this.pictures.delete(item.id);
    this.preload();
    this.changed();
    void this.send();
    if (this.items.length < REFILL_BELOW) void this.load();
  }

  /** The last saved picture once more. */
  back(): void {
    const last = this.saved.at(-1);
    if (last === undefined) return;
    this.saved = this.saved.slice(0, -1);
    this.again = new Set(this.again).add(last.item.id);
    localStorage.setItem(DRAFT_KEY + last.item.id, JSON.stringify(last.annotations));
    this.items = [last.item, ...this.items.filter((item) => item.id !== last.item.id)];
    this.changed();
  }

  /** One after the other, in one tab at a time; what cannot be sent now is tried again. */
  private async send(): Promise<void> {
    const failed = await navigator.locks.request(LOCK, { ifAvailable: true }, async (lock) => {
      if (lock === null) return false;
      this.outbox = parseOutbox(localStorage.getItem(OUTBOX_KEY));
      for (let one = this.mine(); one !== undefined; one = this.mine()) {
        if (!(await this.sent(one))) return true;
      }
      return false;
    });
    this.changed();
    if (failed && !this.isStopped) setTimeout(() => void this.send(), RETRY_MS);
  }

  private mine(): Sending | undefined {
    return this.outbox.find((one) => one.userId === session.user?.userId);
  }

  /** Whether it is off this device's hands, be it that the server refused it. */
  private async sent(one: Sending): Promise<boolean> {
    try {
      await deliver(one);
      if (!one.replace) this.total = Math.max(0, this.total - 1);
      if (this.current?.id !== one.itemId) localStorage.removeItem(DRAFT_KEY + one.itemId);
    } catch (error) {
      if (!(error instanceof ApiError) || isWorthRetrying(error.status)) return false;
      this.refusal = error;
      this.saved = this.saved.filter((other) => other.item.id !== one.itemId);
      this.done = new Set([...this.done].filter((id) => id !== one.itemId));
      void this.load();
    }
    const isNewer = (other: Sending) => other.itemId !== one.itemId || JSON.stringify(other) !== JSON.stringify(one);
    this.keep(this.outbox.filter(isNewer));
    this.changed();
    return true;
  }

  private keep(outbox: readonly Sending[]): void {
    this.outbox = outbox;
    localStorage.setItem(OUTBOX_KEY, JSON.stringify(outbox));
  }

  private preload(): void {
    for (const item of this.items.slice(0, PRELOADED)) this.picture(item);
    const shown = new Set(this.items.slice(0, PRELOADED).map((item) => item.id));
    for (const id of this.pictures.keys()) if (!shown.has(id)) this.pictures.delete(id);
  }

  private changed(): void {
    this.dispatchEvent(new Event("change"));
  }
}

async function deliver(one: Sending): Promise<void> {
  const path = { item_id: one.itemId };
  if (one.annotations === null) {
    await need(api.POST("/api/v1/active-learning/skip/{item_id}", { params: { path } }));
    return;
  }
  const query = { replace: one.replace, allow_new_classes: one.allowNew };
  const body = { annotations: [...one.annotations] };
  await need(api.POST("/api/v1/active-learning/annotate/{item_id}", { params: { path, query }, body }));
}
