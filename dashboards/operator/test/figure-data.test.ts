// @vitest-environment happy-dom
/** Figures of a version are read with their names and units, and none is lost because nobody knows it. */
import { afterEach, describe, expect, it } from "vitest";
import { locale } from "../src/i18n/locale";
import { figureWords } from "../src/pages/models/figure-data";

afterEach(() => locale.choose("en"));

describe("a figure in words", () => {
  it("is a share where it counts parts, and a time where it is one", () => {
    expect(figureWords({ name: "escape_rate", value: 0.025 })).toEqual({ name: "Escapes", value: "2.5%" });
    expect(figureWords({ name: "latency_ms.openvino.f32", value: 5.35 })).toEqual({ name: "Latency, OpenVINO f32", value: "5.4 ms" });
    expect(figureWords({ name: "box_ap50", value: 0.91 })).toEqual({ name: "mAP 50", value: "0.910" });
  });

  it("is in the language of whoever looks", () => {
    locale.choose("de");
    expect(figureWords({ name: "overkill_rate", value: 0.1 }).name).toBe("Fehlausschuss");
  });

  it("keeps a name that this page has never heard of", () => {
    expect(figureWords({ name: "golden_gap", value: 12 })).toEqual({ name: "golden gap", value: "12" });
  });
});
