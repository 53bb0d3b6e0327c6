// The effect of an exception, as its form is filled in: asked of the server, which words it.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
    const panel = document.querySelector("[data-effect]");
    if (!panel) {
        return;
    }
    const form = panel.closest("form");
    const names = ["action", "direction", "enabled", "places", "cards", "valid_from_0", "valid_from_1", "valid_until_0", "valid_until_1"];
    const chosen = () => {
        const filled = [...new FormData(form)].filter(([name, value]) => names.includes(name) && value);
        return new URLSearchParams(filled).toString();
    };
    let shown = chosen();
    let timer;
    let running;

    const show = async () => {
        const asked = chosen();
        if (asked === shown) {
            return;
        }
        running?.abort();
        running = new AbortController();
        try {
            const answer = await fetch(`${panel.dataset.effect}&${asked}`, { signal: running.signal });
            if (!answer.ok || answer.redirected) {
                return;
            }
            const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
            for (const part of form.querySelectorAll("[data-part]")) {
                const now = fresh.querySelector(`[data-part="${part.dataset.part}"]`).innerHTML;
                if (part.innerHTML !== now) {
                    part.innerHTML = now;
                }
            }
            shown = asked;
        } catch (error) {
            if (error.name !== "AbortError") {
                throw error;
            }
        }
    };
    const later = () => {
        clearTimeout(timer);
        timer = setTimeout(show, 200);
    };
    // The search boxes speak through jQuery alone; the calendar fills in a date without a word and then focuses it.
    window.django.jQuery(form).on("input change focusin click", later);
});
