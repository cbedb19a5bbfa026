// SPDX-License-Identifier: Apache-2.0
// The pages of a document small, to go to one of them.

import { rove, tabIndexIn } from "./roving.js";
import { whenSeen } from "./seen.js";

const WIDTH = 96; // pixels
const MIDDLE = "-50% 0px"; // the page there is the one that is looked at

export class Thumbnails {
  /** @param {Element} element where they stand */
  constructor(element) {
    this.element = element;
    this.sheets = new Set();
    rove(element, "button");
  }

  clear() {
    this.element.replaceChildren();
    this.sheets.clear();
  }

  /** One more page, whose picture is there if it could be had. */
  add(sheet) {
    if (this.sheets.has(sheet)) {
      return;
    }
    this.sheets.add(sheet);
    const button = document.createElement("button");
    const canvas = document.createElement("canvas");
    const { width = 1, height = 1 } = sheet.page;
    canvas.width = WIDTH;
    canvas.height = Math.max(1, Math.round((WIDTH * height) / Math.max(1, width)));
    button.type = "button";
    button.tabIndex = tabIndexIn(this.element, "button");
    button.setAttribute("aria-label", `Page ${sheet.number}`);
    button.append(canvas, String(sheet.number));
    button.addEventListener("click", () => sheet.element.scrollIntoView());
    this.element.append(button);
    let isDrawn = false;
    whenSeen(button, "0px", async (isSeen) => {
      if (isSeen && !isDrawn && sheet.image) {
        isDrawn = true;
        const size = { resizeWidth: canvas.width, resizeHeight: canvas.height };
        const small = await createImageBitmap(sheet.image, { ...size, resizeQuality: "high" });
        canvas.getContext("2d").drawImage(small, 0, 0);
        canvas.dataset.drawn = "";
      }
    });
    whenSeen(sheet.element, MIDDLE, (isThere) => {
      if (isThere) {
        this.element.querySelector("[aria-current]")?.removeAttribute("aria-current");
        button.setAttribute("aria-current", "true");
      }
    });
  }
}
