/** A figure of a version as people read it: its name in their language, its value with its unit. */
import { locale, t } from "../../i18n/locale";
import type { MessageKey } from "../../i18n/locale";
import type { Figure } from "./model-data";

const NAMES: Readonly<Record<string, MessageKey>> = {
  escape: "compare.escape",
  escape_rate: "compare.escape",
  overkill: "compare.overkill",
  overkill_rate: "compare.overkill",
  uncertain: "compare.uncertain",
  box_ap50: "compare.box_ap50",
  mask_ap50: "models.mask_ap50",
  mask_iou_found: "models.mask_iou_found",
  part_auroc: "models.part_auroc",
};
const SHARES: ReadonlySet<string> = new Set(["escape", "escape_rate", "overkill", "overkill_rate", "uncertain"]);
const BACKENDS: Readonly<Record<string, string>> = { onnxruntime: "ONNX Runtime", openvino: "OpenVINO" };
/** `latency_ms.openvino.f32`, as the benchmark tags a version. */
const LATENCY = /^latency_ms\.(\w+)\.(\w+)$/;

/** Name and value; a figure that this page has never heard of by its own name. */
export function figureWords({ name, value }: Figure): { readonly name: string; readonly value: string } {
  const [, backend, precision] = LATENCY.exec(name) ?? [];
  if (backend !== undefined && precision !== undefined) {
    const where = `${BACKENDS[backend] ?? backend} ${precision}`;
    return { name: `${t("compare.latency_p95_ms")}, ${where}`, value: `${locale.number(value, 1)} ms` };
  }
  const key = NAMES[name];
  const text = SHARES.has(name) ? locale.percent(value, 1) : locale.number(value, value < 10 ? 3 : 0);
  return { name: key === undefined ? name.replaceAll("_", " ") : t(key), value: text };
}
