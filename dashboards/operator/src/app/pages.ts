/**
 * Every page: its path, who may open it, and how its code is fetched. A new page is one entry here, one folder under
 * `pages/`, and its texts in every file of `i18n/`.
 */
import type { Role } from "../api/session-data";
import type { MessageKey } from "../i18n/locale";

export interface Page {
  /** First part of the path; what follows it belongs to the page. */
  readonly name: string;
  readonly tag: string;
  readonly title: MessageKey;
  readonly icon: string;
  readonly role: Role;
  readonly load: () => Promise<unknown>;
}

export const PAGES: readonly Page[] = [
  {
    name: "live",
    tag: "ussop-live-page",
    title: "nav.live",
    icon: "live",
    role: "viewer",
    load: () => import("../pages/live/live-page"),
  },
  {
    name: "inspect",
    tag: "ussop-inspect-page",
    title: "nav.inspect",
    icon: "inspect",
    role: "operator",
    load: () => import("../pages/inspect/inspect-page"),
  },
  {
    name: "history",
    tag: "ussop-history-page",
    title: "nav.history",
    icon: "history",
    role: "viewer",
    load: () => import("../pages/history/history-page"),
  },
  {
    name: "review",
    tag: "ussop-review-page",
    title: "nav.review",
    icon: "review",
    role: "operator",
    load: () => import("../pages/review/review-page"),
  },
  {
    name: "quality",
    tag: "ussop-quality-page",
    title: "nav.quality",
    icon: "quality",
    role: "viewer",
    load: () => import("../pages/quality/quality-page"),
  },
  {
    name: "alerts",
    tag: "ussop-alerts-page",
    title: "nav.alerts",
    icon: "alerts",
    role: "viewer",
    load: () => import("../pages/alerts/alerts-page"),
  },
  {
    name: "models",
    tag: "ussop-models-page",
    title: "nav.models",
    icon: "models",
    role: "viewer",
    load: () => import("../pages/models/models-page"),
  },
  {
    name: "batch",
    tag: "ussop-batch-page",
    title: "nav.batch",
    icon: "batch",
    role: "operator",
    load: () => import("../pages/batch/batch-page"),
  },
  {
    name: "ask",
    tag: "ussop-ask-page",
    title: "nav.ask",
    icon: "ask",
    role: "viewer",
    load: () => import("../pages/ask/ask-page"),
  },
  {
    name: "stations",
    tag: "ussop-stations-page",
    title: "nav.stations",
    icon: "stations",
    role: "viewer",
    load: () => import("../pages/stations/stations-page"),
  },
  {
    name: "users",
    tag: "ussop-users-page",
    title: "nav.users",
    icon: "users",
    role: "admin",
    load: () => import("../pages/users/users-page"),
  },
  {
    name: "system",
    tag: "ussop-system-page",
    title: "nav.system",
    icon: "system",
    role: "viewer",
    load: () => import("../pages/system/system-page"),
  },
];

export const HOME = "live";
