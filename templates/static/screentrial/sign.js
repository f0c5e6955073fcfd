// The number pad of some phones has no minus: put a button that changes the sign before each score.
for (const input of document.querySelectorAll("[data-signed]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-outline-secondary sign";
  button.textContent = "±";
  button.tabIndex = -1; // keyboards have a minus
  button.setAttribute("aria-label", `Change the sign of ${input.labels[0].textContent.trim()}`);
  button.addEventListener("click", () => {
    const text = input.value.trim();
    input.value = /^[-−–－]/.test(text) ? text.slice(1) : `-${text}`;
    input.focus();
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
  const group = document.createElement("div");
  group.className = "with-sign";
  input.replaceWith(group);
  group.append(button, input);
}
