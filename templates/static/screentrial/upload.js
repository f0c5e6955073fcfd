// Send the chosen files one by one, so that progress shows and no request holds them all. Without this script the
// same form sends them together.
const form = document.getElementById("upload");
const answers = document.getElementById("answers");
const now = document.getElementById("now");
const NO_ANSWER = "No answer came. Load this page again, then send the file again: nothing is taken twice.";
const TAGS = { accepted: "tag-good", rejected: "tag-urgent", not_taken: "tag-urgent" };

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  const files = [...form.films.files];
  const total = files.reduce((sum, file) => sum + file.size, 0);
  button.disabled = true;
  window.addEventListener("beforeunload", stay);
  document.getElementById("progress").hidden = answers.hidden = false;
  answers.querySelector("tbody").replaceChildren();
  now.textContent = `Sending ${files.length} ${files.length === 1 ? "file" : "files"}. Leave this page open.`;
  let sent = 0;
  for (const [number, file] of files.entries()) {
    show("bytes", sent, total, megabytes);
    show("files", number, files.length, String);
    add(await send(file, (bytes) => show("bytes", sent + Math.min(bytes, file.size), total, megabytes)), file);
    sent += file.size;
  }
  show("bytes", total, total, megabytes);
  show("files", files.length, files.length, String);
  now.textContent = "Every file has its answer below.";
  window.removeEventListener("beforeunload", stay);
  form.films.value = "";
  button.disabled = false;
});

function stay(event) {
  event.preventDefault();
}

// Return the page that answers one file, null where none came.
function send(file, progress) {
  if (file.size >= Number(form.dataset.largest)) return null;
  const data = new FormData(form);
  data.delete("films");
  data.append("films", file);
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.responseType = "document";
    request.upload.addEventListener("progress", (event) => progress(event.loaded));
    request.addEventListener("loadend", () => resolve(request.response));
    request.open("POST", form.action);
    request.send(data);
  });
}

// Add the lines of an answer to those on this page, or one that says why there is none.
function add(page, file) {
  const rows = page ? [...page.querySelectorAll("#answers tbody tr")] : [];
  const body = answers.querySelector("tbody");
  if (rows.length) body.append(...rows.map((row) => document.importNode(row, true)));
  else body.append(refused(file, page));
  count(body);
}

function refused(file, page) {
  const row = document.createElement("tr");
  const said = page?.querySelector("#upload .alert, #upload .errorlist")?.textContent.trim();
  const tooLarge = file.size >= Number(form.dataset.largest) && "This file is too large to be sent here.";
  row.dataset.outcome = "not_taken";
  for (const text of [file.name, "✕ not taken", tooLarge || said || NO_ANSWER]) row.insertCell().textContent = text;
  row.cells[0].className = "file-name";
  return row;
}

function count(body) {
  const counts = new Map();
  for (const { dataset, cells } of body.rows) {
    const known = counts.get(dataset.outcome) ?? { words: cells[1].textContent, files: 0 };
    counts.set(dataset.outcome, { ...known, files: known.files + 1 });
  }
  const tags = [...counts].flatMap(([outcome, { words, files }]) => {
    const tag = document.createElement("span");
    tag.className = `tag ${TAGS[outcome] ?? ""}`;
    tag.textContent = `${words} ${files}`;
    return [tag, " "];
  });
  document.getElementById("counts").replaceChildren(...tags);
}

function show(id, done, all, words) {
  const bar = document.getElementById(id);
  bar.max = all || 1;
  bar.value = all ? done : 1;
  bar.labels[0].querySelector(".number").textContent = `${words(done)} of ${words(all)}`;
}

function megabytes(bytes) {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`;
}
