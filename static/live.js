// Renews a list from its own address every few seconds, while its box is ticked and its page is looked at.
"use strict";
{
    const box = document.getElementById("live");
    const said = document.getElementById("live-said");
    const kept = "live-log";

    const renew = async () => {
        if (!box.checked || document.hidden) {
            return;
        }
        try {
            const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
            if (!answer.ok || answer.redirected) {
                throw new Error(answer.statusText);
            }
            const page = new DOMParser().parseFromString(await answer.text(), "text/html");
            const [old, young] = [document, page].map((root) => root.querySelector(box.dataset.live));
            if (old && young) {
                old.replaceWith(young);
            }
            said.textContent = box.dataset.said || "";
        } catch {
            said.textContent = "…";
        }
    };

    try {
        box.checked = window.localStorage.getItem(kept) === "yes";
    } catch {
        box.checked = false;
    }
    box.addEventListener("change", () => {
        try {
            window.localStorage.setItem(kept, box.checked ? "yes" : "no");
        } catch {
            // A browser that keeps nothing forgets it, no more.
        }
        renew();
    });
    window.setInterval(renew, 1000 * Number(box.dataset.seconds));
}
