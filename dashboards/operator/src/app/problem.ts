/** An error in the reader's language. */
import { ApiError, isUnreachable } from "../api/errors";
import { t } from "../i18n/locale";

export function problemText(error: unknown): string {
  if (isUnreachable(error)) return t("error.unreachable");
  if (error instanceof ApiError) return t("error.unknown", { detail: error.message });
  return t("error.unknown", { detail: error instanceof Error ? error.message : String(error) });
}
