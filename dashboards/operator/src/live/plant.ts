/** The plant as this browser sees it now: stations, their last parts, open alerts. One for all pages. */
import { api, need } from "../api/client";
import type { Station } from "../api/client";
import { session } from "../api/session";
import { Feed } from "./feed";
import { STRIP_LENGTH, withInspection } from "./line-data";
import type { Lines } from "./line-data";
import type { Figures, Message } from "./message-data";
import { counted, withPart } from "./shift-data";
import type { Rules, ShiftCount } from "./shift-data";

class Plant extends EventTarget {
  readonly feed = new Feed((message) => this.take(message));
  stations: readonly Station[] = [];
  lines: Lines = new Map();
  figures: Figures | null = null;
  shift: ShiftCount | null = null;
  rules: Rules | null = null;
  openAlerts = 0;
  isLoaded = false;
  private frame = 0;
  private userId: string | null = null;

  constructor() {
    super();
    this.feed.addEventListener("change", () => this.changed());
    session.addEventListener("change", () => this.followSession());
  }

  /** Starts when somebody signs in, and forgets everything when they leave. */
  followSession(): void {
    const user = session.user;
    if (user !== null && !user.mustChangePassword && user.userId !== this.userId) {
      this.userId = user.userId;
      this.feed.start();
      void this.load();
    } else if (user === null && session.interrupted === null && this.userId !== null) {
      this.userId = null;
      this.feed.stop();
      [this.stations, this.lines, this.figures, this.isLoaded, this.openAlerts] = [[], new Map(), null, false, 0];
      [this.shift, this.rules] = [null, null];
    }
  }

  nameOf(stationId: string): string {
    return this.stations.find((station) => station.id === stationId)?.name ?? stationId;
  }

  async loadAlerts(): Promise<void> {
    const query = { acknowledged: false, limit: 1 };
    const page = await need(api.GET("/api/v1/alerts", { params: { query } }));
    this.openAlerts = page.total;
    this.changed();
  }

  async loadStations(): Promise<void> {
    this.stations = (await need(api.GET("/api/v1/stations"))).stations;
    this.changed();
  }

  /** Yield of the shift; the parts that come meanwhile are counted here. */
  async loadShift(): Promise<void> {
    this.shift = counted(await need(api.GET("/api/v1/statistics/shift")));
    this.changed();
  }

  /** Takt, everywhere and where it differs. */
  async loadRules(): Promise<void> {
    this.rules = (await need(api.GET("/api/v1/config"))).values;
    this.changed();
  }

  private async load(): Promise<void> {
    try {
      await Promise.all([this.loadStations(), this.loadAlerts()]);
      await Promise.all(this.stations.map((station) => this.loadLine(station.id)));
      this.isLoaded = true;
      this.changed();
    } catch {
      // Nobody answers, which the connection shows; it is tried again when there is one.
      setTimeout(() => this.userId !== null && void this.load(), 2_000);
    }
  }

  private async loadLine(stationId: string): Promise<void> {
    const query = { station_id: stationId, limit: STRIP_LENGTH };
    const page = await need(api.GET("/api/v1/inspections", { params: { query } }));
    for (const inspection of [...page.inspections].reverse()) this.lines = withInspection(this.lines, inspection);
  }

  private take(message: Message): void {
    if (message.type === "inspection") {
      const before = this.lines;
      this.lines = withInspection(before, message.data);
      if (this.shift !== null && this.lines !== before) this.shift = withPart(this.shift, message.data);
      if (!this.stations.some((station) => station.id === message.data.station_id)) void this.quietly(this.loadStations());
    } else if (message.type === "ping" || message.type === "stats") {
      this.figures = message.data;
    } else if (message.type === "reset") {
      void this.load();
    } else if (message.type === "other") {
      if (message.about === "alert") void this.quietly(this.loadAlerts());
      if (message.about === "station") void this.quietly(this.loadStations());
      this.dispatchEvent(new CustomEvent("told", { detail: message.about }));
    }
    this.changed();
  }

  private async quietly(loading: Promise<void>): Promise<void> {
    await loading.catch(() => undefined); // the next event of its kind tries again
  }

  /** Twenty parts a second are drawn once per frame. */
  private changed(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.dispatchEvent(new Event("change"));
    });
  }
}

export const plant = new Plant();
