// SPDX-License-Identifier: Apache-2.0
// A page of a document: its picture with the regions on it, beside it what was read in them.

import { whenSeen } from "./seen.js";

const NEAR = "100% 0px"; // a window's height above and below
const SVG = "http://www.w3.org/2000/svg";

export class Sheet {
  /** @param {number} index of the page in its document, from 0 */
  constructor(index) {
    const copy = document.getElementById("sheet").content.cloneNode(true);
    this.element = copy.firstElementChild;
    this.number = index + 1;
    this.picture = this.element.querySelector(".picture");
    this.output = this.element.querySelector(".text");
    this.element.setAttribute("aria-label", `Page ${this.number}`);
    this.element.querySelector("h3").textContent = `Page ${this.number}`;
    this.picture.hidden = true;
    this.page = { blocks: [] };
    this.texts = new Map(); // element of each block's text, by its index
    this.isNear = false;
    whenSeen(this.element, NEAR, (isNear) => {
      this.isNear = isNear;
      this.draw();
    });
  }

  /** The regions and the picture of the page are there. */
  found(page) {
    const { data } = page.image ?? {};
    if (data) {
      this.image = new Blob([Uint8Array.from(atob(data), (one) => one.charCodeAt(0))], {
        type: "image/jpeg",
      });
      this.picture.hidden = false;
      this.picture.style.aspectRatio = `${page.width} / ${page.height}`;
    }
    this.lay(page);
  }

  /** Some blocks were read. */
  read(html) {
    const template = document.createElement("template");
    template.innerHTML = html; // the server's own tags; what was read is escaped in it
    for (const block of template.content.children) {
      const text = this.texts.get(block.dataset.block);
      if (text) {
        text.replaceChildren(...block.childNodes);
        text.dataset.read = "";
        this.mirror(text);
      }
    }
  }

  /** The page is read, or could not be. */
  finish(page) {
    this.lay(page);
    this.read(page.html);
    for (const block of page.blocks.filter((one) => one.error)) {
      const note = document.createElement("p");
      note.className = "failed";
      note.textContent = `Not read: ${block.error}`;
      this.texts.get(String(block.index)).append(note);
    }
    const { html, ...values } = page;
    // Characters that are half a pair are no text for the server.
    const whole = (key, value) => (typeof value === "string" ? value.toWellFormed() : value);
    this.values = new Blob([JSON.stringify(values, whole)]);
    const notes = page.error ? [`Not read: ${page.error}`, ...page.notes] : page.notes;
    const note = this.element.querySelector(".note");
    note.textContent = notes.join(" · ");
    note.hidden = notes.length === 0;
    this.element.dataset.read = "";
  }

  /** The page as JSON, in parts; its picture of this quality with it, unless that is 0. */
  async parts(quality) {
    if (quality === 0 || !this.image) {
      return [this.values];
    }
    const image = quality === 1 ? this.image : await coarser(this.image, quality);
    const { width, height } = this.page;
    const about = `"name":"page-${this.number}.jpg","width":${width},"height":${height}`;
    const text = `,"image":{${about},"data":"${await base64(image)}"}}`;
    return [this.values.slice(0, -1), new Blob([text])];
  }

  get hasDoubts() {
    return this.output.querySelector("[class^=doubt]") !== null;
  }

  /** A place for the text of each block, and the regions. */
  lay(page) {
    const { image, ...rest } = page;
    this.page = { ...rest, blocks: page.blocks.map(({ pictures, lines, ...block }) => block) };
    for (const block of page.blocks) {
      const name = String(block.index);
      if (!this.texts.has(name)) {
        const text = document.createElement("div");
        text.className = "block";
        text.dir = "auto";
        text.dataset.block = name;
        text.tabIndex = -1;
        this.texts.set(name, text);
        this.output.append(text);
      }
      const text = this.texts.get(name);
      text.dataset.label = block.label;
      text.dataset.number = block.index + 1;
    }
    this.draw();
  }

  /** Draw what costs memory while it may be seen, and let go of it otherwise. */
  draw() {
    const image = this.picture.querySelector("img");
    const svg = this.picture.querySelector("svg");
    if (this.isNear && this.image) {
      if (!image.hasAttribute("src")) {
        image.src = URL.createObjectURL(this.image);
      }
      svg.setAttribute("viewBox", `0 0 ${this.page.width} ${this.page.height}`);
      svg.replaceChildren(path(this.page.blocks), ...this.page.blocks.map(region));
      svg.style.setProperty("--size", `${this.page.width / 45}px`);
      this.texts.forEach((text) => this.mirror(text));
    } else if (image.hasAttribute("src")) {
      URL.revokeObjectURL(image.src);
      image.removeAttribute("src");
      svg.replaceChildren();
    }
  }

  /** Show on the region what is known of its text. */
  mirror(text) {
    const drawn = this.picture.querySelector(`[data-block="${text.dataset.block}"]`);
    drawn?.toggleAttribute("data-read", "read" in text.dataset);
    drawn?.toggleAttribute("data-doubt", text.querySelector("[class^=doubt]") !== null);
    drawn?.classList.toggle("marked", text.classList.contains("marked"));
  }
}

function region(block) {
  const [x0, y0, x1, y1] = block.box;
  const corners = block.polygon.length
    ? block.polygon
    : [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
  const group = document.createElementNS(SVG, "g");
  group.dataset.block = block.index;
  group.dataset.label = block.label;
  const outline = document.createElementNS(SVG, "polygon");
  outline.setAttribute("points", corners.map((corner) => corner.join(",")).join(" "));
  const number = document.createElementNS(SVG, "text");
  number.setAttribute("x", x0);
  number.setAttribute("y", y0);
  number.textContent = block.index + 1;
  group.append(outline, number);
  return group;
}

/** The way through the blocks in reading order. */
function path(blocks) {
  const line = document.createElementNS(SVG, "polyline");
  const middles = blocks.map(({ box: [x0, y0, x1, y1] }) => `${(x0 + x1) / 2},${(y0 + y1) / 2}`);
  line.setAttribute("points", middles.join(" "));
  return line;
}

async function coarser(image, quality) {
  const bitmap = await createImageBitmap(image);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas.convertToBlob({ type: "image/jpeg", quality });
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.split(",")[1]));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
}
