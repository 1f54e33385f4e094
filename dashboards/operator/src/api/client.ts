/** The one way to the API: typed by its own description, with the session's token. */
import createClient from "openapi-fetch";
import type { Readable } from "openapi-typescript-helpers";
import { ApiError, errorOf } from "./errors";
import type { components, paths } from "./schema";
import { session } from "./session";

/** The shapes as `openapi-fetch` hands them out. */
export type Schemas = { [Name in keyof components["schemas"]]: Readable<components["schemas"][Name]> };
export type Inspection = Schemas["InspectionOut"];
export type Detection = Schemas["DetectionOut"];
export type Decision = Inspection["decision"];
export type Station = Schemas["StationOut"];

/** Sends with the token; a token that was refused is renewed and the call made once more. */
async function send(request: Request): Promise<Response> {
  const again = request.clone();
  const token = await session.accessToken();
  request.headers.set("Authorization", `Bearer ${token}`);
  const response = await reach(request);
  if (response.status !== 401) return response;
  await session.refused(token);
  if (session.user === null) return response;
  again.headers.set("Authorization", `Bearer ${await session.accessToken()}`);
  return reach(again);
}

async function reach(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "");
  }
}

export const api = createClient<paths>({ baseUrl: location.origin, fetch: send });

interface Answer<T> {
  data?: T | undefined;
  error?: unknown;
  response: Response;
}

/**
 * The body of a good answer.
 *
 * @throws ApiError for any other.
 */
export async function need<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok || data === undefined) throw errorOf(response.status, error);
  return data;
}
