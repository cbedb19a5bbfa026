// SPDX-License-Identifier: Apache-2.0
// The page: takes pictures and documents from wherever they come, and has them read in turn.

import { DocumentReading } from "./document.js";
import { Reading } from "./reading.js";
import { model, setKey } from "./server.js";

const LOADING_MILLISECONDS = 1000; // between two looks whether the model is there
const find = (id) => document.getElementById(id);

function say(text) {
  find("notice").textContent = text;
  find("notice").hidden = !text;
}

function announce(text) {
  find("live").textContent = text;
}

// The model and its tasks

let documents = { formats: {} }; // none where the server reads no documents

async function showModel() {
  try {
    const found = await model();
    const { name, tasks } = found;
    find("model").textContent = name;
    find("key-form").hidden = true;
    if (!tasks) {
      say("The model is being loaded …");
      setTimeout(showModel, LOADING_MILLISECONDS);
      return;
    }
    say("");
    documents = found.documents;
    showTasks({ ...(readsDocuments() ? { document: "Document" } : {}), ...tasks });
  } catch (error) {
    complain(error);
  }
}

function readsDocuments() {
  return Object.keys(documents.formats).length > 0;
}

function showTasks(tasks) {
  if (document.querySelector("#tasks input")) {
    return;
  }
  const usual = "document" in tasks ? "document" : "ocr";
  for (const [name, title] of Object.entries(tasks)) {
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name: "task", value: name, checked: name === usual });
    const label = document.createElement("label");
    label.append(input, title);
    find("tasks").append(label);
  }
}

function complain(error) {
  if (error.code === "invalid_api_key") {
    say(sessionStorage.getItem("key") ? "The server does not know this key." : "");
    find("key-form").hidden = false;
    find("key").focus();
  } else {
    say(error.message);
  }
}

find("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  setKey(find("key").value);
  showModel();
});

// One thing after another

const waiting = [];
let isReading = false;

function enqueue(reading) {
  reading.wait(task());
  waiting.push(reading);
  readAll();
}

async function readAll() {
  if (isReading) {
    return;
  }
  isReading = true;
  while (waiting.length) {
    const error = await waiting.shift().run();
    if (error?.code === "invalid_api_key") {
      complain(error);
    }
  }
  isReading = false;
}

function task() {
  return document.querySelector("#tasks input:checked")?.value ?? "ocr";
}

function take(files) {
  say(files.length ? "" : "There is no picture in what was dropped or pasted.");
  const readings = arranged([...files]).map((one) =>
    Array.isArray(one)
      ? new DocumentReading(one, documents, announce, enqueue)
      : new Reading(one, announce, enqueue),
  );
  find("readings").prepend(...readings.map((reading) => reading.element));
  readings.forEach(enqueue);
  readings[0]?.element.scrollIntoView({ block: "nearest" });
}

/** Files that are read each by itself, and arrays of those whose pages are one document. */
function arranged(files) {
  if (!readsDocuments()) {
    return files;
  }
  const isPdf = (file) => file.type === "application/pdf" || /\.pdf$/i.test(file.name);
  const pictures = files.filter((file) => !isPdf(file));
  const together = task() === "document" && pictures.length ? [pictures] : pictures;
  return [...files.filter(isPdf).map((file) => [file]), ...together];
}

for (const button of document.querySelectorAll("[data-opens]")) {
  const input = find(button.dataset.opens);
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that the same file can be chosen again
    if (files.length) {
      take(files);
    }
  });
}

document.addEventListener("paste", (event) => {
  if (event.target !== find("key")) {
    take(event.clipboardData.files);
  }
});

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) {
    document.body.classList.remove("over");
  }
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  take(event.dataTransfer.files);
});

showModel();
