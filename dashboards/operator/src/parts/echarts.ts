/** The parts of ECharts that we use, in a chunk of their own. Its tooltip is drawn, not HTML: styles in it would be inline. */
import { BarChart, HeatmapChart, LineChart, ScatterChart } from "echarts/charts";
import {
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TooltipComponent,
  VisualMapComponent,
} from "echarts/components";
import { init, use } from "echarts/core";
import type { EChartsCoreOption } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([BarChart, HeatmapChart, LineChart, ScatterChart, CanvasRenderer]);
use([GridComponent, LegendComponent, TooltipComponent, DataZoomComponent]);
use([MarkAreaComponent, MarkLineComponent, VisualMapComponent]);

export type ChartOption = EChartsCoreOption;

export interface ChartColours {
  readonly text: string;
  readonly line: string;
  readonly surface: string;
}

export interface ChartHandle {
  draw(option: ChartOption, colours: ChartColours): void;
  resize(): void;
  dispose(): void;
}

/** Told apart by people who do not see red and green as others do. Source: Okabe and Ito, 2008. */
const PALETTE = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"];

export function openChart(room: HTMLElement): ChartHandle {
  const chart = init(room, null, { renderer: "canvas" });
  return {
    draw: (option, { text, line, surface }) => {
      const axis = { axisLabel: { color: text }, axisLine: { lineStyle: { color: line } }, splitLine: { lineStyle: { color: line } } };
      const tooltip = { renderMode: "richText", trigger: "axis", backgroundColor: surface, borderColor: line, textStyle: { color: text } };
      const ground = { color: PALETTE, textStyle: { color: text, fontFamily: "system-ui, sans-serif" }, tooltip };
      const axes = { xAxis: merged(axis, option["xAxis"]), yAxis: merged(axis, option["yAxis"]) };
      const words = option["legend"] ? { legend: { type: "scroll", textStyle: { color: text }, pageTextStyle: { color: text }, ...(option["legend"] as object) } } : {};
      chart.setOption({ animation: false, ...ground, ...option, ...axes, ...words }, true);
    },
    resize: () => chart.resize(),
    dispose: () => chart.dispose(),
  };
}

/** The axis with our colours; a part that it sets itself (a format of its labels) keeps them too. */
function merged(ground: Readonly<Record<string, object>>, axis: unknown): object {
  if (Array.isArray(axis)) return axis.map((one) => merged(ground, one));
  const own = (typeof axis === "object" ? axis : {}) as Readonly<Record<string, object>>;
  const both = Object.entries(ground).map(([name, part]) => [name, { ...part, ...own[name] }] as const);
  return { ...own, ...Object.fromEntries(both) };
}
