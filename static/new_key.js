// The page of a new API key: copies it, and sees to it that a reload makes no second one.
"use strict";

const field = document.getElementById("new-key");
const button = document.querySelector("[data-copies]");

field.addEventListener("focus", () => field.select());
field.focus();
button.addEventListener("click", async () => {
    field.select();
    try {
        await navigator.clipboard.writeText(field.value);
    } catch {
        document.execCommand("copy"); // without HTTPS there is no clipboard
    }
    button.textContent = button.dataset.done;
});
history.replaceState(null, "", field.dataset.leadsTo);
