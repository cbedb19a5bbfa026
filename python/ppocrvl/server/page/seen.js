// SPDX-License-Identifier: Apache-2.0
// What is drawn only while somebody may see it.

const acts = new WeakMap();
const observers = new Map();

/**
 * Say whether an element is near what is seen, now and whenever that changes.
 * @param {Element} element
 * @param {string} margin around the window that counts as near, such as "50% 0px"
 * @param {(isNear: boolean) => void} act
 */
export function whenSeen(element, margin, act) {
  if (!observers.has(margin)) {
    const observer = new IntersectionObserver(tell, { rootMargin: margin });
    observers.set(margin, observer);
  }
  if (!acts.has(element)) {
    acts.set(element, new Map());
  }
  acts.get(element).set(observers.get(margin), act);
  observers.get(margin).observe(element);
}

function tell(entries, observer) {
  for (const { target, isIntersecting } of entries) {
    acts.get(target).get(observer)(isIntersecting);
  }
}
