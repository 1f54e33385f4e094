/** Errors of the API as one type; `status` 0 means that nobody answered. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** The error in a body `{"detail": …, "code": …}`, or what can be said without one. */
export function errorOf(status: number, body: unknown): ApiError {
  const { detail, code } = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  return new ApiError(
    status,
    typeof code === "string" ? code : "http_error",
    typeof detail === "string" ? detail : `the server answered ${status}`,
  );
}

export async function readError(response: Response): Promise<ApiError> {
  return errorOf(response.status, await response.json().catch(() => null));
}

export function isUnreachable(error: unknown): boolean {
  return error instanceof ApiError && error.status === 0;
}
