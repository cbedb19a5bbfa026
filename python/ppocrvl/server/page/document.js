// SPDX-License-Identifier: Apache-2.0
// A document: its pages as they are read, and the whole of it in any format.

import { Item, save } from "./item.js";
import { rove, tabIndexIn } from "./roving.js";
import { parse, write } from "./server.js";
import { Sheet } from "./sheet.js";
import { Thumbnails } from "./thumbnails.js";

// Of the pages' pictures; the next one as long as the document is too large to be sent.
const QUALITIES = [
  { of: 1, told: "" },
  { of: 0.5, told: "Saved with coarser pictures of the pages: as they are, they are too much to send." },
  { of: 0, told: "Saved without the pictures of the pages: they are too much to send." },
];

export class DocumentReading extends Item {
  /**
   * @param {File[]} files whose pages are those of one document
   * @param {{formats: Record<string, object>, mostBytes: number}} limits what it can be written in,
   *   and the bytes of a document that may be sent for that
   * @param {(text: string) => void} announce for those who do not see the page
   * @param {(reading: DocumentReading) => void} enqueue to have it read (again)
   */
  constructor(files, limits, announce, enqueue) {
    const more = files.length > 1 ? ` and ${files.length - 1} more` : "";
    const acts = {
      stop: () => this.stop(),
      again: () => enqueue(this),
      copy: () => this.copy(),
      save: () => this.save(),
    };
    super("document", `${files[0].name}${more}`, acts, announce);
    this.files = files;
    this.formats = limits.formats;
    this.mostBytes = limits.mostBytes;
    this.sheets = new Map();
    this.pages = this.element.querySelector(".pages");
    this.thumbnails = new Thumbnails(this.element.querySelector(".thumbnails"));
    this.progress = this.element.querySelector("progress");
    this.offerFormats();
    this.markBothSides();
    rove(this.pages, ".block");
    const order = this.element.querySelector(".order input");
    order.addEventListener("change", () => {
      this.element.classList.toggle("in-order", order.checked);
    });
    const form = this.element.querySelector("form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.password = form.querySelector("input").value;
      enqueue(this);
    });
  }

  wait() {
    this.sheets.clear();
    this.pages.replaceChildren();
    this.thumbnails.clear();
    this.progress.removeAttribute("value");
    this.element.querySelector("form").hidden = true;
    this.element.querySelector(".legend").hidden = true;
    super.wait();
  }

  async follow(signal) {
    for await (const values of parse(this.files, this.password, signal)) {
      this.take(values);
    }
    const failed = [...this.sheets.values()].filter((sheet) => sheet.page.error).length;
    const pages = `${this.nRead} ${this.nRead === 1 ? "page" : "pages"}`;
    this.show("done", failed ? `${pages}, ${failed} not read` : pages);
  }

  fail(error) {
    this.element.querySelector("form").hidden = error.code !== "document_encrypted";
    super.fail(error);
  }

  actsIn(state) {
    if (state === "waiting" || state === "reading") {
      return ["stop"];
    }
    return this.nRead ? ["format", "copy", "save", "again"] : ["again"];
  }

  /** Pages that were read. */
  get nRead() {
    return [...this.sheets.values()].filter((sheet) => sheet.values).length;
  }

  /** What the server says next. */
  take(values) {
    if ("n_read" in values) {
      this.about = { name: values.name, n_pages: values.n_pages };
      this.progress.max = values.n_read;
      this.progress.value = 0;
    } else if (values.found) {
      const sheet = this.sheet(values.found.index);
      sheet.found(values.found);
      this.thumbnails.add(sheet);
      this.giveTabStop();
    } else if (values.read) {
      this.sheet(values.read.index).read(values.read.html);
    } else {
      const sheet = this.sheet(values.index);
      sheet.finish(values);
      this.thumbnails.add(sheet); // of a page that was not found: it failed
      this.giveTabStop();
      this.progress.value += 1;
      this.say(`Read ${this.progress.value} of ${this.progress.max} pages …`);
      this.element.querySelector(".legend").hidden &&= !sheet.hasDoubts;
    }
  }

  sheet(index) {
    if (!this.sheets.has(index)) {
      const sheet = new Sheet(index);
      this.sheets.set(index, sheet);
      this.pages.append(sheet.element);
    }
    return this.sheets.get(index);
  }

  giveTabStop() {
    const first = this.pages.querySelector(".block");
    if (first && tabIndexIn(this.pages, ".block") === 0) {
      first.tabIndex = 0;
    }
  }

  offerFormats() {
    const select = this.element.querySelector("select");
    for (const [name, format] of Object.entries(this.formats)) {
      select.append(new Option(format.title, name));
    }
    const copy = this.element.querySelector("[data-act=copy]");
    select.addEventListener("change", () => {
      copy.disabled = !this.formats[select.value].one_text;
    });
    this.select = select;
  }

  /** A block is marked on the page and beside it, wherever it is pointed at. */
  markBothSides() {
    const mark = (event) => {
      const block = event.target.closest(".sheet [data-block]");
      const same = `[data-block="${block?.dataset.block}"]`;
      const both = [...(block?.closest(".sheet").querySelectorAll(same) ?? [])];
      const isOn = both.some((one) => one.matches(":hover, :focus"));
      for (const one of both) {
        one.classList.toggle("marked", isOn);
      }
    };
    for (const kind of ["pointerover", "pointerout", "focusin", "focusout"]) {
      this.pages.addEventListener(kind, mark);
    }
    this.pages.addEventListener("click", (event) => {
      const region = event.target.closest("g[data-block]");
      const same = `.block[data-block="${region?.dataset.block}"]`;
      region?.closest(".sheet").querySelector(same).focus();
    });
  }

  /** The document as JSON, of what was read; the pages' pictures in it of this quality, if any. */
  async values(quality) {
    const head = JSON.stringify({ version: 1, ...this.about });
    const parts = [head.slice(0, -1), ',"pages":['];
    for (const sheet of this.sheets.values()) {
      if (sheet.values) {
        parts.push(parts.length > 2 ? "," : "", ...(await sheet.parts(quality)));
      }
    }
    return new Blob([...parts, "]}"], { type: "application/json" });
  }

  /** The document as JSON with pictures as good as may be sent, and what to tell of them. */
  async fitting(showsPages) {
    for (const { of, told } of showsPages ? QUALITIES : []) {
      const values = await this.values(of);
      if (values.size <= this.mostBytes) {
        return { values, told };
      }
    }
    return { values: await this.values(0), told: "" };
  }

  tell(message) {
    if (message) {
      this.say(message);
      this.announce(message);
    }
  }

  copy() {
    const to = this.select.value;
    const type = to === "html" ? "text/html" : "text/plain";
    const text = this.values(0)
      .then((values) => write(values, { to, figures: "none" }))
      .then(({ blob }) => new Blob([blob], { type }));
    text.catch((error) => this.say(error.message));
    return this.copyParts({ [type]: text }, this.pages);
  }

  async save() {
    const to = this.select.value;
    const button = this.element.querySelector("[data-act=save]");
    button.disabled = true; // until it is written
    try {
      const { values, told } = await this.fitting(this.formats[to].shows_pages);
      const { name, blob } = await write(values, { to });
      save(blob, name);
      this.tell(told);
    } catch (error) {
      this.tell(error.message);
    } finally {
      button.disabled = false;
    }
  }
}
