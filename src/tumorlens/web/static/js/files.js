// Ways in: choose, drop anywhere, paste.

import { h } from "./dom.js";
import { t } from "./strings.js";
import { add, filesOfDrop } from "./uploads.js";

const ACCEPT =
  ".png,.jpg,.jpeg,.bmp,.tif,.tiff,.dcm,.dicom,.nii,.gz,.mat,.zip,image/*,application/dicom,application/zip";

/** Options for the files that come next; the page's form sets them. */
export const options = { spacing: null, gate: true };

let shown = () => {};
let input = null;

function take(files) {
  const [first] = add(files, options.spacing ? { ...options } : { gate: options.gate });
  if (first) shown(first);
}

export const choose = () => input.click();

/** Listen for files; `onFirst` shows the first entry of each batch. */
export function listen(onFirst) {
  shown = onFirst;
  input = h("input", {
    type: "file",
    multiple: true,
    accept: ACCEPT,
    hidden: true,
    id: "file-input",
    "aria-label": t("add.choose"),
    onchange: () => {
      take(input.files);
      input.value = "";
    },
  });
  const veil = h("div", { class: "drop-veil", hidden: true }, h("div", {}, t("add.drop")));
  document.body.append(input, veil);
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) veil.hidden = true;
  });
  addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    veil.hidden = true;
    take(await filesOfDrop(event.dataTransfer));
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) take(event.clipboardData.files);
  });
}
