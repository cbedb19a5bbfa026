// SPDX-License-Identifier: Apache-2.0
// Something to read: how it stands, its buttons, and what comes of it copied and saved.

const FLASH_MILLISECONDS = 2000;
const REVOKE_MILLISECONDS = 1000; // by then the browser has begun to save

export class Item {
  /**
   * @param {string} template id of what it looks like
   * @param {string} name of it
   * @param {Record<string, () => void>} acts by name, those of its buttons
   * @param {(text: string) => void} announce for those who do not see the page
   */
  constructor(template, name, acts, announce) {
    this.name = name;
    this.announce = announce;
    this.element = document.getElementById(template).content.cloneNode(true).firstElementChild;
    this.element.querySelector("h2").textContent = name;
    this.buttons = [...this.element.querySelectorAll("[data-act]")];
    for (const button of this.buttons) {
      if (acts[button.dataset.act]) {
        button.addEventListener("click", acts[button.dataset.act]);
      }
    }
  }

  /** Wait for the turn. */
  wait() {
    this.controller = new AbortController();
    this.show("waiting", "Waiting");
  }

  /** Read it, unless it was stopped while it waited. Throws nothing; gives the error, if any. */
  async run() {
    if (this.state !== "waiting") {
      return undefined;
    }
    const { signal } = this.controller;
    this.show("reading", "Reading …");
    try {
      await this.follow(signal); // of the class: show the answer as it comes
    } catch (error) {
      if (!signal.aborted) {
        this.fail(error);
        return error;
      }
    }
    return undefined;
  }

  fail(error) {
    this.show("failed", error.message);
  }

  get state() {
    return this.element.dataset.state;
  }

  stop() {
    this.controller.abort();
    this.show("stopped", "Stopped");
  }

  show(state, message) {
    this.element.dataset.state = state;
    this.element.setAttribute("aria-busy", String(state === "reading"));
    this.say(message);
    this.announce(`${this.name}: ${message}`);
    const focused = this.buttons.find((button) => button === document.activeElement);
    const acts = this.actsIn(state); // those that make sense then
    for (const button of this.buttons) {
      button.hidden = !acts.includes(button.dataset.act);
    }
    if (focused?.hidden) {
      this.buttons.find((button) => !button.hidden)?.focus();
    }
  }

  say(message) {
    this.element.querySelector(".state").textContent = message;
  }

  /**
   * @param {Record<string, string | Promise<Blob>>} parts by media type
   * @param {Element} shown what is selected where there is no clipboard
   */
  async copyParts(parts, shown) {
    try {
      const blobs = Object.entries(parts).map(([type, part]) => [
        type,
        typeof part === "string" ? new Blob([part], { type }) : part,
      ]);
      await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(blobs))]);
      this.announce("Copied");
      this.flash("copy", "Copied");
    } catch {
      // Without https there is no clipboard for pages, but there is one for people.
      getSelection().selectAllChildren(shown);
      this.announce("The text is selected: copy it with Ctrl+C");
      this.flash("copy", "Selected: press Ctrl+C");
    }
  }

  flash(act, text) {
    const button = this.buttons.find((one) => one.dataset.act === act);
    button.textContent = text;
    setTimeout(() => {
      button.textContent = "Copy";
    }, FLASH_MILLISECONDS);
  }
}

/** Let the browser save this under a name. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), REVOKE_MILLISECONDS);
}
