/** Sends a picture to be inspected. `fetch` cannot tell how much has gone out, so this is an XMLHttpRequest. */
import type { Inspection } from "./client";
import { ApiError, errorOf } from "./errors";
import { session } from "./session";

export interface Upload {
  readonly file: File;
  readonly stationId: string;
  readonly partId: string;
  /** One key, one inspection, however often it is sent. */
  readonly key: string;
}

/**
 * The verdict on a picture.
 *
 * @param onProgress Is told the share that has gone out, 0 to 1.
 * @throws ApiError What the server said, or status 0 where it cannot be reached.
 */
export async function inspectFile(upload: Upload, onProgress: (share: number) => void): Promise<Inspection> {
  const token = await session.accessToken();
  const body = new FormData();
  body.set("station_id", upload.stationId);
  if (upload.partId) body.set("part_id", upload.partId);
  body.set("file", upload.file, upload.file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/api/v1/inspect");
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.setRequestHeader("Idempotency-Key", upload.key);
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onerror = () => reject(new ApiError(0, "unreachable", ""));
    request.onload = () => {
      if (request.status === 200) resolve(request.response as Inspection);
      else reject(errorOf(request.status, request.response));
    };
    request.send(body);
  });
}
