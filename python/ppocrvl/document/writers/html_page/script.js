"use strict";
// A block is marked on the page and beside it, wherever it is pointed at.
const blockOf = (event) => event.target.closest("[data-block]");
const mark = (block, on) => {
  for (const one of document.querySelectorAll(`[data-block="${block.dataset.block}"]`)) {
    one.classList.toggle("marked", on);
  }
};
for (const [kind, on] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]]) {
  document.addEventListener(kind, (event) => {
    const block = blockOf(event);
    if (block) mark(block, on);
  });
}
document.addEventListener("click", (event) => {
  const block = blockOf(event);
  if (!block) return;
  for (const one of document.querySelectorAll(`[data-block="${block.dataset.block}"]`)) {
    if (one !== block) one.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }
});
