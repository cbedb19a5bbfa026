// SPDX-License-Identifier: Apache-2.0
// One picture: what is read from it, and what can be done with that.

import { Item, save } from "./item.js";
import { read } from "./server.js";

const UNSURE_BELOW = 0.95; // of a line's confidence: the built-in model's wrong lines are below
const ENDINGS = {
  length: "Cut off: the answer reached the limit of tokens.",
  deadline: "Cut off: the answer took too long.",
  repetition: "The model began to repeat itself; the rest was cut off.",
  cancelled: "Cut off: the server ended.",
};
const ACTS = {
  waiting: ["stop"],
  reading: ["stop"],
  done: ["copy", "text", "html", "json", "again"],
  stopped: ["copy", "text", "again"],
  failed: ["again"],
};

export class Reading extends Item {
  /**
   * @param {File} file
   * @param {(text: string) => void} announce for those who do not see the page
   * @param {(reading: Reading) => void} enqueue to have it read (again)
   */
  constructor(file, announce, enqueue) {
    const acts = {
      stop: () => this.stop(),
      again: () => enqueue(this),
      copy: () => this.copy(),
      text: () => this.save("txt", "text/plain", this.plainText()),
      html: () => this.save("html", "text/html", this.page()),
      json: () => this.save("json", "application/json", JSON.stringify(this.result, null, 2)),
    };
    super("reading", file.name, acts, announce);
    this.file = file;
    this.output = this.element.querySelector(".text");
    this.places = this.element.querySelector("svg");
    const picture = this.element.querySelector(".picture");
    const image = this.element.querySelector("img");
    image.addEventListener("error", () => picture.remove()); // the server may know its format
    image.src = URL.createObjectURL(file);
  }

  /** Wait for the turn; a document's is no task of a picture. */
  wait(task) {
    this.task = task === "document" ? (this.task ?? "ocr") : task;
    this.result = undefined;
    this.text = "";
    this.output.replaceChildren();
    this.places.replaceChildren();
    this.element.querySelector(".legend").hidden = true;
    super.wait();
  }

  actsIn(state) {
    return ACTS[state];
  }

  async follow(signal) {
    for await (const values of read(this.file, this.task, signal)) {
      if ("piece" in values) {
        this.add(values.piece);
      } else {
        this.finish(values);
      }
    }
  }

  add(piece) {
    this.text += piece;
    if (!this.frame) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        if (!this.result) {
          // A table comes with tags between its cells; it is shown as one when it is complete.
          const text = this.text.replaceAll("<nl>", "\n").replaceAll(/<[felux]cel>/g, "\t");
          this.output.textContent = text;
        }
      });
    }
  }

  finish(result) {
    this.result = result;
    this.text = result.text;
    const template = document.createElement("template");
    template.innerHTML = result.html; // the server's own tags; what was read is escaped in it
    let unsure = 0;
    for (const block of template.content.querySelectorAll("[data-confidence]")) {
      const confidence = Number(block.dataset.confidence);
      if (block.textContent.trim() && confidence < UNSURE_BELOW) {
        unsure += 1;
        block.classList.add("unsure");
        block.title = `Confidence ${percent(confidence)}`;
        // 0.15 to 0.5: how much of the colour is mixed in
        const doubt = Math.min(0.5, 0.15 + UNSURE_BELOW - confidence);
        block.style.setProperty("--doubt", `${Math.round(100 * doubt)}%`);
      }
    }
    for (const block of template.content.querySelectorAll("[data-place]")) {
      const polygon = document.createElementNS(this.places.namespaceURI, "polygon");
      polygon.setAttribute("points", block.dataset.place);
      this.places.append(polygon);
    }
    this.output.replaceChildren(template.content);
    this.element.querySelector(".legend").hidden = unsure === 0;
    const { timings } = result;
    const seconds = timings.queue + timings.encode + timings.prefill + timings.decode;
    const facts = [
      result.text.trim() ? `${percent(result.confidence)} confident` : "No text found",
      ...(unsure ? [`${unsure} ${unsure === 1 ? "line" : "lines"} not sure`] : []),
      `${seconds.toFixed(1)} s`,
    ];
    this.show("done", [facts.join(" · "), ENDINGS[result.finish_reason]].filter(Boolean).join(". "));
  }

  /** The text; of a table, cells with tabs between them, as spreadsheets take it. */
  plainText() {
    const rows = [...this.output.querySelectorAll("tr")].map((row) =>
      [...row.cells].map((cell) => cell.textContent.trim()).join("\t"),
    );
    if (rows.length) {
      return rows.join("\n");
    }
    const isPlaced = this.places.childElementCount > 0; // then the text holds location tokens
    const blocks = [...this.output.children].map((block) => block.textContent);
    return isPlaced ? blocks.join("\n") : this.text;
  }

  page() {
    const title = document.createElement("title");
    title.textContent = this.file.name;
    return `<!doctype html>\n<meta charset="utf-8">\n${title.outerHTML}\n${this.result.html}\n`;
  }

  copy() {
    const parts = { "text/plain": this.plainText() };
    if (this.result) {
      parts["text/html"] = this.result.html;
    }
    return this.copyParts(parts, this.output);
  }

  save(extension, type, text) {
    const blob = new Blob([text], { type: `${type};charset=utf-8` });
    save(blob, `${this.name.replace(/\.[^.]*$/, "")}.${extension}`);
  }
}

function percent(share) {
  return `${Math.floor(100 * share)} %`;
}
