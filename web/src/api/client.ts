// Requests to the broker that served this app. Every path is relative to the page's base, which the broker sets.

import { ROUTES } from "./schema";

let absent: ReadonlySet<string> = new Set();

/** Notes which routes this console has not: those that only a broker's own console answers. */
export function leaveOut(routes: readonly string[]) {
  absent = new Set(routes);
}

/** Whether the API has a route, such as `/groups/{group}/lag`: what asks for one that is missing is left out. */
export function has(route: string): boolean {
  return ROUTES.has(route) && !absent.has(route);
}

/** What the broker said instead of an answer. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | null;

  constructor(status: number, code: string, message: string, hint: string | null) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

export type Query = {
  [name: string]: string | number | boolean | readonly string[] | readonly number[] | null | undefined;
};

/** The address of a route of the API, with what of `query` is set. */
export function apiUrl(path: string, query: Query = {}): string {
  const url = new URL(`api/v1${path}`, document.baseURI);
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null || value === "") continue;
    if (Array.isArray(value)) {
      for (const one of value) url.searchParams.append(name, String(one));
    } else {
      url.searchParams.set(name, String(value));
    }
  }
  return url.href;
}

/** A path from its parts, each percent-encoded. */
export function path(strings: TemplateStringsArray, ...parts: (string | number)[]): string {
  return strings
    .map((text, at) => text + (at < parts.length ? encodeURIComponent(String(parts[at])) : ""))
    .join("");
}

async function call<T>(method: string, url: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      signal: signal ?? null,
      headers: body === undefined ? { accept: "application/json" } : { "content-type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
      credentials: "same-origin",
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new ApiError(0, "UNREACHABLE", "The broker does not answer.", "Is it still running?");
  }
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as T;
  throw refusal(response.status, text);
}

function refusal(status: number, text: string): ApiError {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; hint: string | null } };
    return new ApiError(status, error.code, error.message, error.hint);
  } catch {
    return new ApiError(status, `HTTP ${status}`, text.slice(0, 200) || "The broker gave no reason.", null);
  }
}

export function get<T>(at: string, query?: Query, signal?: AbortSignal): Promise<T> {
  return call("GET", apiUrl(at, query), undefined, signal);
}

export function send<T>(method: "POST" | "PATCH" | "PUT" | "DELETE", at: string, body?: unknown): Promise<T> {
  return call(method, apiUrl(at), body);
}

/** True where the broker has no such route: an older one, or another Kafka. */
export function isMissingRoute(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404 && error.code === "UNKNOWN_ROUTE";
}
