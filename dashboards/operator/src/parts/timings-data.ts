/** The stages of one inspection as bars after each other. */
export interface Stage {
  readonly name: string;
  readonly ms: number;
  /** Share of all stages, 0 to 1. */
  readonly share: number;
}

/** The stages, longest first; `total` is their sum and no stage. */
export function stagesOf(timings: Readonly<Record<string, number>>): readonly Stage[] {
  const stages = Object.entries(timings).filter(([name, ms]) => name !== "total" && Number.isFinite(ms) && ms >= 0);
  const sum = stages.reduce((total, [, ms]) => total + ms, 0);
  return stages
    .map(([name, ms]) => ({ name: name.replace(/_ms$/, "").replaceAll("_", " "), ms, share: sum > 0 ? ms / sum : 0 }))
    .sort((a, b) => b.ms - a.ms);
}

/** The call that gave this verdict, for a POSIX shell. The token is not in it: it is nobody else's. */
export function curlOf(origin: string, stationId: string, partId: string | null, fileName: string | null): string {
  const head = `curl -X POST -H "Authorization: Bearer $USSOP_TOKEN"`;
  if (fileName === null) {
    const query = new URLSearchParams({ station_id: stationId, ...(partId ? { part_id: partId } : {}) });
    return `${head} \\\n  ${quoted(`${origin}/api/v1/inspect/camera?${query}`)}`;
  }
  const part = partId ? ` -F ${quoted(`part_id=${partId}`)}` : "";
  return `${head} \\\n  -F ${quoted(`file=@${fileName}`)} -F ${quoted(`station_id=${stationId}`)}${part} \\\n  ${origin}/api/v1/inspect`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
