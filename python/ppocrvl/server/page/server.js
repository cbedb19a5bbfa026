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

/** The model's name, and its tasks by name with their titles; no tasks while it is loaded. */
export async function model() {
  const answer = await ask("v1/models");
  const [found] = (await answer.json()).data;
  return { name: found.id, tasks: found.ppocrvl?.tasks };
}

/**
 * Read a picture: pieces of text as they come, then the result.
 * @param {Blob} picture
 * @param {string} task
 * @param {AbortSignal} signal ends the reading, on the server too
 * @yields {{piece: string} | {text: string}}
 */
export async function* read(picture, task, signal) {
  const body = new FormData();
  body.append("image", picture, "picture");
  for (const [name, value] of Object.entries({ task, stream: "true", html: "true" })) {
    body.append(name, value);
  }
  const answer = await ask("v1/ocr", { method: "POST", body, signal });
  let isComplete = false;
  for await (const line of lines(answer.body)) {
    const values = JSON.parse(line);
    if (values.error) {
      throw new Problem(values.error.message, values.error.code);
    }
    isComplete = "text" in values;
    yield values;
  }
  if (!isComplete) {
    throw new Problem(BROKEN);
  }
}

async function ask(path, options = {}) {
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  const answer = await orProblem(UNREACHABLE, () => fetch(path, { ...options, headers }));
  if (answer.ok) {
    return answer;
  }
  const { error } = await answer.json().catch(() => ({}));
  throw new Problem(error?.message ?? `The server answered ${answer.status}.`, error?.code);
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
