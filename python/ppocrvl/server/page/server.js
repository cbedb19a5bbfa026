// SPDX-License-Identifier: Apache-2.0
// What the page asks the server.

/** Something that a person can read. `code` is the server's, where it has one. */
export class Problem extends Error {
  constructor(message, code = "") {
    super(message);
    this.code = code;
  }
}

const UNREACHABLE = "The server cannot be reached. Is it still running?";
const BROKEN = "The connection to the server broke before the answer was complete.";

let key = sessionStorage.getItem("key") ?? "";

/** Use an API key until the tab is closed. */
export function setKey(text) {
  key = text.trim();
  sessionStorage.setItem("key", key);
}

/**
 * The model's name, its tasks by name with their titles, and of documents the formats by name and
 * the bytes that may be sent; no tasks while it is loaded.
 */
export async function model() {
  const answer = await ask("v1/models");
  const [found] = (await answer.json()).data;
  const { tasks, formats = {}, max_document_bytes: mostBytes } = found.ppocrvl ?? {};
  return { name: found.id, tasks, documents: { formats, mostBytes } };
}

/**
 * Read a picture: pieces of text as they come, then the result.
 * @param {Blob} picture
 * @param {string} task
 * @param {AbortSignal} signal ends the reading, on the server too
 * @yields {{piece: string} | {text: string}}
 */
export async function* read(picture, task, signal) {
  const body = form({ task, stream: "true", html: "true" });
  body.append("image", picture, "picture");
  let isComplete = false;
  for await (const values of answers("v1/ocr", { method: "POST", body, signal })) {
    isComplete = "text" in values;
    yield values;
  }
  if (!isComplete) {
    throw new Problem(BROKEN);
  }
}

/**
 * Read a document: what it is, then regions as they are found, blocks and pages as they are read.
 * @param {File[]} files whose pages are those of one document
 * @param {string} password
 * @param {AbortSignal} signal ends the reading, on the server too
 * @yields {{n_pages: number} | {found: object} | {read: object} | {index: number}}
 */
export async function* parse(files, password, signal) {
  const asked = { html: "true", progress: "true", pictures: "true", page_images: "true" };
  const body = form(password ? { ...asked, password } : asked);
  for (const file of files) {
    body.append("file", file, file.name);
  }
  const headers = { accept: "application/x-ndjson" };
  let left = 1;
  for await (const values of answers("v1/parse", { method: "POST", body, headers, signal })) {
    if ("n_read" in values) {
      left = values.n_read;
    } else if ("index" in values) {
      left -= 1;
    }
    yield values;
  }
  if (left > 0) {
    throw new Problem(BROKEN);
  }
}

/**
 * A document that was read, in a format.
 * @param {Blob} values as JSON
 * @param {Record<string, string>} options of it
 * @returns {Promise<{name: string, blob: Blob}>}
 */
export async function write(values, options) {
  const query = new URLSearchParams({ ...options, finish: "true" });
  const headers = { "content-type": "application/json" };
  const answer = await ask(`v1/write?${query}`, { method: "POST", body: values, headers });
  const named = /filename\*=UTF-8''(.*)$/.exec(answer.headers.get("content-disposition"));
  const blob = await orProblem(BROKEN, () => answer.blob());
  return { name: decodeURIComponent(named[1]), blob };
}

function form(fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    body.append(name, value);
  }
  return body;
}

async function ask(path, options = {}) {
  const headers = { ...options.headers, ...(key ? { authorization: `Bearer ${key}` } : {}) };
  const answer = await orProblem(UNREACHABLE, () => fetch(path, { ...options, headers }));
  if (answer.ok) {
    return answer;
  }
  const { error } = await answer.json().catch(() => ({}));
  throw new Problem(error?.message ?? `The server answered ${answer.status}.`, error?.code);
}

async function* answers(path, options) {
  const answer = await ask(path, options);
  for await (const line of lines(answer.body)) {
    const values = JSON.parse(line);
    if (values.error?.message) {
      throw new Problem(values.error.message, values.error.code);
    }
    yield values;
  }
}

async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await orProblem(BROKEN, () => reader.read());
    if (done) {
      return;
    }
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    yield* parts;
  }
}

async function orProblem(message, act) {
  try {
    return await act();
  } catch (error) {
    if (error.name === "AbortError") {
      throw error;
    }
    throw new Problem(message);
  }
}
