/** Pictures that people should look at: what the model saw is the starting point, what they say is what it learns. */
import { html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { AnnotationCanvas } from "../../annotation/canvas";
import { added, annotationsOf, marksOf, regionOf, withRings } from "../../annotation/model";
import type { Marks, Point, Ring } from "../../annotation/model";
import * as edit from "../../annotation/tools";
import type { Editor, Prompt, Tool } from "../../annotation/tools";
import { api, need } from "../../api/client";
import { session } from "../../api/session";
import { UssopElement } from "../../app/element";
import { problemText } from "../../app/problem";
import { formatRoute } from "../../app/route-data";
import { locale, t } from "../../i18n/locale";
import type { MessageKey } from "../../i18n/locale";
import { plant } from "../../live/plant";
import "../../parts/icon";
import { emptiness, notes, pageLayout, shared } from "../../styles/shared";
import { actOf } from "./keys";
import type { Act } from "./keys";
import { colourOf } from "./queue-data";
import type { Item } from "./queue-data";
import { reviewPageStyles } from "./review-page.styles";
import { ReviewQueue } from "./review-queue";

const ZOOM_STEP = 1.4;
const WHYS = new Set(["uncertainty", "class_rarity", "disagreement", "diversity", "random_audit", "overruled"]);
const HELP: readonly (readonly [string, MessageKey])[] = [
  ["Enter", "review.save"], ["G", "review.good"], ["K", "review.skip"], ["L", "review.back"],
  ["1 – 9", "review.class"], ["N", "review.key_next"], ["Del", "review.delete"], ["← ↑ → ↓", "review.key_nudge"],
  ["V", "review.tool_select"], ["R", "review.tool_box"], ["P", "review.tool_polygon"], ["S", "review.tool_segment"],
  ["Ctrl Z", "review.undo"], ["Ctrl Y", "review.redo"], ["+ −", "review.key_zoom"], ["F", "picture.fit"], ["M", "picture.masks"], ["Alt", "review.key_cut"],
];

@customElement("ussop-review-page")
export class ReviewPage extends UssopElement {
  @state() private editor: Editor | null = null;
  @state() private isFilled = true;
  @state() private isPictureBroken = false;
  @state() private segmenting = "";
  /** Why there is no segmenter; empty where there is one, null while that is not known. */
  @state() private noSegmenter: string | null = null;
  @state() private isHelpOpen = false;
  @state() private newClasses: readonly string[] = [];
  private readonly queue = new ReviewQueue();
  private canvas: AnnotationCanvas | null = null;
  private opened: string | null = null;
  private readonly redrawNow = () => this.requestUpdate();
  private readonly onKey = (event: KeyboardEvent) => this.key(event);

  static override styles = [shared, pageLayout, notes, emptiness, reviewPageStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    this.queue.addEventListener("change", this.redrawNow);
    plant.addEventListener("change", this.redrawNow);
    addEventListener("keydown", this.onKey);
    this.queue.start();
    need(api.GET("/api/v1/active-learning/segment"))
      .then((status) => (this.noSegmenter = status.available ? "" : (status.reason ?? "") || t("review.no_segmenter")))
      .catch(() => undefined); // without an answer it is not offered
  }

  override disconnectedCallback(): void {
    this.queue.removeEventListener("change", this.redrawNow);
    plant.removeEventListener("change", this.redrawNow);
    removeEventListener("keydown", this.onKey);
    this.queue.stop();
    this.canvas?.dispose();
    this.canvas = null;
    this.opened = null;
    super.disconnectedCallback();
  }

  private get classes(): readonly string[] {
    return [...this.queue.classes, ...this.newClasses.filter((name) => !this.queue.classes.includes(name))];
  }

  override updated(): void {
    const element = this.renderRoot.querySelector("canvas");
    if (element === null) {
      this.canvas?.dispose();
      [this.canvas, this.opened] = [null, null];
      return;
    }
    this.canvas ??= this.newCanvas(element);
    this.canvas.look((name) => colourOf(name, this.classes), this.isFilled);
    const item = this.queue.current;
    if (item !== null && item.id !== this.opened) this.open(item);
  }

  private newCanvas(element: HTMLCanvasElement): AnnotationCanvas {
    const canvas = new AnnotationCanvas(element);
    canvas.on("state", (editor) => (this.editor = editor));
    canvas.on("change", (marks) => this.queue.current && this.queue.keepDraft(this.queue.current, marks));
    canvas.on("prompt", (prompt) => void this.segment(prompt, 0));
    return canvas;
  }

  private open(item: Item): void {
    this.opened = item.id;
    [this.isPictureBroken, this.segmenting] = [false, ""];
    const picture = this.queue.picture(item);
    const isHere = picture.complete && picture.naturalWidth > 0;
    this.canvas?.open(this.marksOf(item), this.editor?.className || (this.classes[0] ?? "defect"), isHere ? picture : null);
    if (isHere) return;
    picture.decode().then(
      () => this.opened === item.id && this.canvas?.show(picture),
      () => this.opened === item.id && (this.isPictureBroken = true),
    );
  }

  /** What was begun on this device, else what the model saw. */
  private marksOf(item: Item): Marks {
    const draft = this.queue.draftOf(item);
    const found = draft?.map((one) => ({ ...one, polygon: one.polygon ?? [] }));
    return marksOf(item.width, item.height, found ?? item.suggestions);
  }

  override render() {
    const item = this.queue.current;
    return html`
      <header class="page">
        <h1>${t("review.title")}</h1>
        <div class="row">
          <span class="quiet number" role="status">${this.status()}</span>
          ${item !== null && this.queue.saved.length > 0 ? this.backButton() : nothing}
        </div>
      </header>
      ${this.queue.problem ? html`<p class="note problem" role="alert">${problemText(this.queue.problem)}</p>` : nothing}
      ${this.queue.refusal ? html`<p class="note problem" role="alert">${t("review.refused", { detail: problemText(this.queue.refusal) })}</p>` : nothing}
      ${item === null ? this.empty() : this.desk(item)} ${this.help()}
    `;
  }

  private status(): string {
    if (!this.queue.isLoaded) return "";
    const sending = this.queue.outbox.length;
    return [t("review.left", { left: locale.number(this.queue.left) }), sending > 0 ? t("review.sending", { sending }) : ""].filter(Boolean).join(" · ");
  }

  private empty() {
    if (!this.queue.isLoaded) return html`<div class="empty"><wa-spinner></wa-spinner></div>`;
    return html`<div class="empty card">
      <ussop-icon name="pass"></ussop-icon>
      <h2>${t("review.empty")}</h2>
      <p class="quiet">${t("review.empty_hint")}</p>
      ${this.queue.saved.length > 0 ? this.backButton() : nothing}
    </div>`;
  }

  private desk(item: Item) {
    return html`<div class="desk">
      <div class="tools card" role="toolbar" aria-label=${t("review.tools")}>${this.tools()}</div>
      <div class="stage card">
        <canvas tabindex="0" role="application" aria-label=${t("review.canvas", { count: this.regions })}
          class=${this.editor?.tool === "select" ? "select" : ""}></canvas>
        ${this.over(item)}
      </div>
      <div class="side"><div class="scroll">${this.why(item)} ${this.classChoice()}</div>${this.acts()}</div>
    </div>`;
  }

  private get regions(): number {
    return this.editor === null ? 0 : edit.shownMarks(this.editor).regions.length;
  }

  private tools() {
    const { editor } = this;
    const tool = (name: Tool, icon: string, key: string) => this.button(icon, t(`review.tool_${name}`), key, { tool: name }, editor?.tool === name);
    return html`
      ${tool("select", "select", "V")} ${tool("box", "box", "R")} ${tool("polygon", "polygon", "P")}
      ${this.noSegmenter === null ? nothing : tool("segment", "wand", "S")}
      <hr />
      ${this.button("undo", t("review.undo"), "Z", "undo", null, editor?.history.past.length === 0)}
      ${this.button("redo", t("review.redo"), "Y", "redo", null, editor?.history.future.length === 0)}
      ${this.button("trash", t("review.delete"), "⌫", "delete", null, editor?.selected === 0 && editor.draft.length === 0)}
      <hr />
      ${this.button("zoom-in", t("picture.zoom_in"), "+", "zoom-in")} ${this.button("zoom-out", t("picture.zoom_out"), "−", "zoom-out")}
      ${this.button("fit", t("picture.fit"), "F", "fit")} ${this.button("layers", t("picture.masks"), "M", "fill", this.isFilled)}
      ${this.button("info", t("review.keys"), "?", "help")}
    `;
  }

  private button(icon: string, name: string, key: string, act: Act, isPressed: boolean | null = null, isOff = false) {
    return html`<button type="button" class="tool" title="${name} (${key})" aria-label=${name} ?disabled=${isOff}
      aria-pressed=${isPressed === null ? nothing : String(isPressed)} @click=${() => this.do(act)}>
      <ussop-icon name=${icon}></ussop-icon><kbd aria-hidden="true">${key}</kbd>
    </button>`;
  }

  private over(item: Item) {
    if (this.isPictureBroken) return html`<p class="over" role="alert"><ussop-icon name="fail"></ussop-icon>${t("picture.failed")}</p>`;
    if (this.segmenting === "busy") return html`<p class="over" role="status"><wa-spinner></wa-spinner>${t("review.segmenting")}</p>`;
    if (this.segmenting) return html`<p class="over" role="alert">${this.segmenting}</p>`;
    if (this.editor?.tool === "polygon") return html`<p class="over">${t("review.polygon_hint")}</p>`;
    return html`<p class="over number" aria-hidden="true">${item.width} × ${item.height} px</p>`;
  }

  private why(item: Item) {
    const named = (strategy: string) => (WHYS.has(strategy) ? t(`review.why_${strategy}` as MessageKey) : strategy.replaceAll("_", " "));
    const facts = [item.station_id ? plant.nameOf(item.station_id) : "", locale.dateTime(item.created_at), item.model_version ? `${t("live.model")} ${item.model_version}` : ""];
    return html`<section class="card">
      <h2>${t("review.why")}</h2>
      <ul class="reasons">${item.reasons.map((reason) => html`<li>${named(reason.strategy)} <span class="number">${locale.percent(reason.score)}</span></li>`)}</ul>
      <p class="quiet small">${facts.filter(Boolean).join(" · ")}
        ${item.inspection_id ? html`<a href=${formatRoute("history", [item.inspection_id])} data-page="history">${t("inspect.open")}</a>` : nothing}</p>
    </section>`;
  }

  private classChoice() {
    const counts = new Map<string, number>();
    if (this.editor) for (const { className } of edit.shownMarks(this.editor).regions) counts.set(className, (counts.get(className) ?? 0) + 1);
    return html`<section class="card">
      <h2>${t("review.class")}</h2>
      <div class="classes" role="group" aria-label=${t("review.class")}>
        ${this.classes.map(
          (name, index) => html`<button type="button" class="class" aria-pressed=${String(name === this.editor?.className)} @click=${() => this.do({ className: name })}>
            <span class="swatch" .style=${`background: ${colourOf(name, this.classes)}`}></span><span>${name}</span>
            ${counts.has(name) ? html`<b class="number">${counts.get(name)}</b>` : nothing}${index < 9 ? html`<kbd aria-hidden="true">${index + 1}</kbd>` : nothing}
          </button>`,
        )}
      </div>
      ${session.can("engineer")
        ? html`<form class="new" @submit=${this.onNewClass}>
            <wa-input size="s" name="class" label=${t("review.new_class")} maxlength="64"></wa-input>
            <wa-button size="s" type="submit" appearance="outlined">${t("review.add")}</wa-button>
          </form>`
        : nothing}
    </section>`;
  }

  private acts() {
    const button = (act: Act, name: string, key: string) =>
      html`<wa-button appearance="outlined" @click=${() => this.do(act)}>${name} <kbd slot="end" aria-hidden="true">${key}</kbd></wa-button>`;
    return html`<div class="acts card">
      <wa-button variant="brand" size="l" data-save @click=${() => this.do("save")}>
        <ussop-icon slot="start" name="check"></ussop-icon>${this.regions === 0 ? t("review.save_good") : t("review.save")}
      </wa-button>
      <div class="pair">${button("good", t("review.good"), "G")} ${button("skip", t("review.skip"), "K")}</div>
    </div>`;
  }

  private backButton() {
    return html`<wa-button appearance="outlined" size="s" @click=${() => this.queue.back()}>
      <ussop-icon slot="start" name="back"></ussop-icon>${t("review.back")} <kbd slot="end" aria-hidden="true">L</kbd>
    </wa-button>`;
  }

  private help() {
    return html`<wa-dialog label=${t("review.keys")} ?open=${this.isHelpOpen}
      @wa-hide=${(event: Event) => event.target === event.currentTarget && (this.isHelpOpen = false)}>
      <dl class="keys">${HELP.map(([key, name]) => html`<dt><kbd>${key}</kbd></dt><dd>${t(name)}</dd>`)}</dl>
    </wa-dialog>`;
  }

  private key(event: KeyboardEvent): void {
    const isTyping = event.composedPath().some((node) => node instanceof HTMLInputElement || node instanceof HTMLTextAreaElement);
    if (isTyping || this.isHelpOpen || this.queue.current === null || session.user === null) return;
    const isOnCanvas = event.composedPath().some((node) => node instanceof HTMLCanvasElement);
    const isOnButton = event.composedPath().some((node) => node instanceof HTMLButtonElement || node instanceof HTMLAnchorElement);
    const isDrawing = (this.editor?.draft.length ?? 0) > 0;
    const act = actOf(event, this.classes, { isOnCanvas, isOnButton, isDrawing });
    if (act === null) return;
    event.preventDefault();
    this.do(act);
  }

  private do(act: Act): void {
    const { canvas, queue } = this;
    if (canvas === null) return;
    if (typeof act === "object") this.doWith(act, canvas);
    else if (act === "save") queue.decide(annotationsOf(canvas.editor.history.present), this.newClasses.length > 0);
    else if (act === "good") queue.decide([], false);
    else if (act === "skip") queue.decide(null, false);
    else if (act === "back") queue.back();
    else if (act === "fit") canvas.fit();
    else if (act === "fill") this.isFilled = !this.isFilled;
    else if (act === "help") this.isHelpOpen = true;
    else if (act === "zoom-in" || act === "zoom-out") canvas.zoom(act === "zoom-in" ? ZOOM_STEP : 1 / ZOOM_STEP);
    else canvas.act({ undo: edit.undoneIn, redo: edit.redoneIn, delete: edit.deleted, escape: edit.escaped, close: edit.polygonClosed }[act]);
  }

  private doWith(act: Exclude<Act, string>, canvas: AnnotationCanvas): void {
    if ("className" in act) canvas.act((editor) => edit.classChosen(editor, act.className));
    else if ("nudge" in act) canvas.act((editor) => edit.nudged(editor, ...act.nudge));
    else if ("step" in act) canvas.act((editor) => edit.nextSelected(editor, act.step));
    else if (act.tool !== "segment") {
      if (this.segmenting !== "busy") this.segmenting = "";
      canvas.act((editor) => edit.withTool(editor, act.tool));
    } else if (this.noSegmenter) this.segmenting = t("review.no_segmenter_why", { reason: this.noSegmenter });
    else if (this.noSegmenter === "") this.chooseSegment(canvas);
  }

  /** With a box chosen it becomes a polygon at once. */
  private chooseSegment(canvas: AnnotationCanvas): void {
    const { editor } = canvas;
    const chosen = regionOf(editor.history.present, editor.selected);
    if (chosen !== null && chosen.rings.length === 0) void this.segment({ box: chosen.box }, chosen.id);
    else canvas.act((before) => edit.withTool(before, "segment"));
  }

  /** @param id The region that gets the new shape; 0 makes a new one. */
  private async segment(prompt: Prompt, id: number): Promise<void> {
    const item = this.queue.current;
    if (item === null || this.segmenting === "busy") return;
    this.segmenting = "busy";
    let problem = "";
    try {
      const body = "box" in prompt ? { box: [...prompt.box] as [number, number, number, number] } : { points: [{ x: prompt.point[0], y: prompt.point[1], label: 1 as const }] };
      const params = { path: { item_id: item.id } };
      const { regions } = await need(api.POST("/api/v1/active-learning/segment/{item_id}", { params, body: { points: [], boxes: [], ...body } }));
      const rings = (regions[0]?.polygons ?? []).map((ring) => ring.map(([x = 0, y = 0]): Point => [x, y]));
      if (this.opened !== item.id) return;
      if (rings.length === 0) problem = t("review.no_region");
      else this.take(rings, id);
    } catch (error) {
      problem = problemText(error);
    } finally {
      if (this.opened === item.id) this.segmenting = problem;
    }
  }

  private take(rings: readonly Ring[], id: number): void {
    this.canvas?.act((editor) => {
      const marks = editor.history.present;
      if (id !== 0) return edit.withStep(editor, withRings(marks, id, rings));
      return edit.withNew(editor, added(marks, editor.className, [0, 0, 0, 0], rings));
    });
  }

  private onNewClass(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const name = String(new FormData(form).get("class") ?? "").trim();
    if (!name) return;
    this.newClasses = [...new Set([...this.newClasses, name])];
    form.reset();
    this.do({ className: name });
  }
}
