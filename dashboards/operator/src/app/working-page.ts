/** A page that loads and acts: problems are told in one place, what was done in another. */
import { html, nothing } from "lit";
import { state } from "lit/decorators.js";
import { UssopElement } from "./element";
import { problemText } from "./problem";

export abstract class WorkingPage extends UssopElement {
  @state() protected problem = "";
  @state() protected done = "";
  @state() protected isBusy = false;

  protected notes() {
    return html`${this.problem ? html`<p class="note problem" role="alert">${this.problem}</p>` : nothing}
    ${this.done ? html`<p class="note" role="status">${this.done}</p>` : nothing}`;
  }

  /** Does something that may fail; whether it went well. */
  protected async act(work: () => Promise<void>, done = ""): Promise<boolean> {
    this.isBusy = true;
    try {
      await work();
      [this.problem, this.done] = ["", done];
      return true;
    } catch (error) {
      [this.problem, this.done] = [problemText(error), ""];
      return false;
    } finally {
      this.isBusy = false;
    }
  }
}
