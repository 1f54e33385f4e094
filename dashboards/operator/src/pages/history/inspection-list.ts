/** The rows of the history: fetched as they come into sight. */
import { api, need } from "../../api/client";
import type { Inspection } from "../../api/client";
import { ALL, queryOf } from "./filter-data";
import type { Filter } from "./filter-data";
import { PAGE_SIZE, kept, pagesOf } from "./window-data";

export class InspectionList extends EventTarget {
  total = 0;
  error: unknown = null;
  isLoaded = false;
  private pages: Map<number, readonly Inspection[]> = new Map();
  private readonly loading = new Set<number>();
  private generation = 0;
  private filter: Filter = ALL;

  open(filter: Filter): void {
    this.filter = filter;
    this.generation += 1;
    this.pages = new Map();
    this.loading.clear();
    this.isLoaded = false;
    this.error = null;
    this.need(0, 1);
  }

  at(row: number): Inspection | null {
    return this.pages.get(Math.floor(row / PAGE_SIZE))?.[row % PAGE_SIZE] ?? null;
  }

  /** Takes the place of what was known of the same inspection. */
  put(inspection: Inspection): void {
    for (const [page, rows] of this.pages) this.pages.set(page, rows.map((row) => (row.id === inspection.id ? inspection : row)));
  }

  /** The row of an inspection, -1 if it is not among those at hand. */
  rowOf(id: string): number {
    for (const [page, rows] of this.pages) {
      const index = rows.findIndex((row) => row.id === id);
      if (index >= 0) return page * PAGE_SIZE + index;
    }
    return -1;
  }

  /** Sees to it that these rows are there soon. */
  need(first: number, end: number): void {
    for (const page of pagesOf(first, end)) {
      if (!this.pages.has(page) && !this.loading.has(page)) void this.load(page);
    }
  }

  private async load(page: number): Promise<void> {
    const generation = this.generation;
    this.loading.add(page);
    try {
      const query = { ...queryOf(this.filter), limit: PAGE_SIZE, offset: page * PAGE_SIZE };
      const answer = await need(api.GET("/api/v1/inspections", { params: { query } }));
      if (generation !== this.generation) return;
      this.pages = kept(new Map(this.pages).set(page, answer.inspections), page);
      this.total = answer.total;
      this.isLoaded = true;
      this.error = null;
    } catch (error) {
      if (generation === this.generation) this.error = error;
    } finally {
      if (generation === this.generation) {
        this.loading.delete(page);
        this.dispatchEvent(new Event("change"));
      }
    }
  }
}
