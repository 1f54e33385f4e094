/** Calls that the generated types do not cover: files, and parts of the API that an installation may lack. */
import { ApiError, readError } from "./errors";
import { session } from "./session";

async function reached(path: string, init: RequestInit): Promise<Response> {
  const token = await session.accessToken();
  const headers = { ...(init.body ? { "Content-Type": "application/json" } : {}), Authorization: `Bearer ${token}` };
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch {
    throw new ApiError(0, "unreachable", "");
  }
  if (!response.ok) throw await readError(response);
  return response;
}

/** The body of a JSON answer. @throws ApiError for any other. */
export async function callJson<T>(path: string, method = "GET", body?: object): Promise<T> {
  const response = await reached(path, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
  return (await response.json()) as T;
}

/** Saves a file of the API: a plain link could not carry the token. */
export async function download(path: string): Promise<void> {
  const response = await reached(path, {});
  const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "ussop";
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  [link.href, link.download] = [address, name];
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // some browsers read it late
}

/** An address at which a picture of the API can be shown: `<img>` cannot send the token. Give it back when done. */
export async function pictureOf(path: string): Promise<string> {
  return URL.createObjectURL(await (await reached(path, {})).blob());
}
