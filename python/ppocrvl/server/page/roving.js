// SPDX-License-Identifier: Apache-2.0
// One stop of the Tab key for many elements; arrow keys lead from one to the next.

/**
 * @param {Element} container of the elements, those that come later included
 * @param {string} selector of them; each has a tabindex
 */
export function rove(container, selector) {
  container.addEventListener("focusin", (event) => {
    if (event.target.matches(selector)) {
      for (const one of container.querySelectorAll(`${selector}[tabindex="0"]`)) {
        one.tabIndex = -1;
      }
      event.target.tabIndex = 0;
    }
  });
  container.addEventListener("keydown", (event) => {
    const all = [...container.querySelectorAll(selector)];
    const at = all.indexOf(event.target);
    const places = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 };
    const next = all[places[event.key]];
    if (at >= 0 && next) {
      event.preventDefault();
      next.focus();
    }
  });
}

/** The tabindex of one more element. */
export function tabIndexIn(container, selector) {
  return container.querySelector(`${selector}[tabindex="0"]`) ? -1 : 0;
}
