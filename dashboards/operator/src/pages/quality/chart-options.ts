/** The charts of the Quality page as ECharts takes them. */
import { locale, t } from "../../i18n/locale";
import type { ChartOption } from "../../parts/echarts";
import { bucketLabel, violations } from "./quality-data";
import type { ParetoBar, Trends } from "./quality-data";

const PASS = "#2f9e68";
const FAIL = "#d0303f";
const UNCERTAIN = "#d99000";
const RATE = "#3b82c4";
const MANY = 60; // more points need no marks of their own

const percent = (value: number) => locale.percent(value, value < 0.1 ? 1 : 0);
const category = (labels: readonly string[]) => ({
  type: "category",
  data: labels.map((label, index) => bucketLabel(label, labels[index - 1])),
});
const grid = { left: 52, right: 52, top: 36, bottom: 40 };

export function trendOption(trends: Trends): ChartOption {
  const bars = (name: string, data: readonly number[], color: string) => ({ type: "bar", stack: "parts", name, data, color, barMaxWidth: 36 });
  return {
    grid,
    legend: { top: 0 },
    xAxis: category(trends.labels),
    yAxis: [
      { type: "value", minInterval: 1 },
      { type: "value", min: 0, max: 1, splitLine: { show: false }, axisLabel: { formatter: percent } },
    ],
    series: [
      bars(t("decision.pass"), trends.passed, PASS),
      bars(t("decision.uncertain"), trends.uncertain, UNCERTAIN),
      bars(t("decision.fail"), trends.failed, FAIL),
      {
        type: "line",
        name: t("quality.fpy"),
        yAxisIndex: 1,
        data: trends.first_pass_yield,
        color: RATE,
        connectNulls: true,
        showSymbol: trends.labels.length < MANY,
        lineStyle: { width: 2.5 },
      },
    ],
  };
}

export function pChartOption(trends: Trends): ChartOption {
  const chart = trends.p_chart;
  const broken = violations(chart);
  const limit = (name: string, data: readonly (number | null)[]) => ({
    type: "line", name, data, step: "middle", showSymbol: false, color: FAIL, lineStyle: { type: "dashed", width: 1.5 },
  });
  return {
    grid,
    legend: { top: 0 },
    xAxis: category(trends.labels),
    yAxis: { type: "value", min: 0, axisLabel: { formatter: percent } },
    series: [
      {
        type: "line",
        name: t("quality.share_failed"),
        color: RATE,
        connectNulls: true,
        symbolSize: 7,
        // A broken rule is a larger sign of another shape, not another colour alone.
        data: chart.p.map((value, index) =>
          broken[index] ? { value, symbol: "diamond", symbolSize: 15, itemStyle: { color: FAIL } } : { value, symbol: "circle" },
        ),
        showSymbol: true,
        markLine: chart.centre_line === null ? undefined : { symbol: "none", silent: true, data: [{ yAxis: chart.centre_line }], lineStyle: { color: PASS, type: "solid" }, label: { formatter: percent(chart.centre_line), color: "inherit", textBorderWidth: 0 } },
      },
      limit(t("quality.upper"), chart.upper_limit),
      limit(t("quality.lower"), chart.lower_limit),
    ],
  };
}

export function paretoOption(bars: readonly ParetoBar[], unit: string): ChartOption {
  return {
    grid,
    xAxis: { type: "category", data: bars.map((bar) => bar.name), axisLabel: { interval: 0, hideOverlap: true, overflow: "truncate", width: 90 } },
    yAxis: [
      { type: "value", name: unit, ...(unit ? {} : { minInterval: 1 }) },
      { type: "value", min: 0, max: 1, splitLine: { show: false }, axisLabel: { formatter: percent } },
    ],
    series: [
      { type: "bar", name: unit || t("quality.count"), data: bars.map((bar) => Math.round(bar.value * 10) / 10), color: RATE, barMaxWidth: 64, label: { show: true, position: "insideBottom", color: "#fff" } },
      { type: "line", name: t("quality.cumulative"), yAxisIndex: 1, data: bars.map((bar) => bar.cumulative), color: "#e69f00", symbolSize: 8 },
    ],
  };
}
