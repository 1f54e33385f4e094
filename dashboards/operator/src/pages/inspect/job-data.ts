/** The pictures that are sent from the Inspect page, and how far each is. */
import type { Inspection } from "../../api/client";

export type JobState = "waiting" | "sending" | "inspecting" | "done" | "failed";

export interface Job {
  /** Also the idempotency key: sending once more never makes a second inspection. */
  readonly key: string;
  readonly name: string;
  /** Null for a picture of the camera. */
  readonly file: File | null;
  readonly state: JobState;
  /** Share that has gone out, 0 to 1. */
  readonly share: number;
  readonly problem: string;
  readonly result: Inspection | null;
}

const KINDS = /\.(jpe?g|png|bmp|tiff?|webp)$/i;

export function newJob(key: string, name: string, file: File | null): Job {
  return { key, name, file, state: "waiting", share: 0, problem: "", result: null };
}

/** Those of the files that may be pictures; what they really are, the server finds out. */
export function pictures<T extends { readonly name: string; readonly type: string }>(files: readonly T[]): readonly T[] {
  return files.filter((file) => file.type.startsWith("image/") || KINDS.test(file.name));
}

export function changed(jobs: readonly Job[], key: string, change: Partial<Job>): readonly Job[] {
  return jobs.map((job) => (job.key === key ? { ...job, ...change } : job));
}

/** The next jobs to start, with at most `most` of them under way. */
export function startable(jobs: readonly Job[], most: number): readonly Job[] {
  const busy = jobs.filter((job) => job.state === "sending" || job.state === "inspecting").length;
  return jobs.filter((job) => job.state === "waiting").slice(0, Math.max(0, most - busy));
}
