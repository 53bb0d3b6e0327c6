// An import's page renews itself while the work goes on; an upload's form shows what its kind needs.
"use strict";
{
    const renew = async () => {
        const shown = document.querySelector("#import[data-busy]");
        if (!shown) {
            return;
        }
        try {
            const answer = await fetch(window.location.href);
            if (answer.ok) {
                const page = new DOMParser().parseFromString(await answer.text(), "text/html");
                shown.replaceWith(page.querySelector("#import"));
            }
        } catch {
            // The next look may succeed.
        }
        window.setTimeout(renew, 1000);
    };
    window.setTimeout(renew, 1000);

    const form = document.querySelector("form[data-targets]");
    const kind = form && form.querySelector("select[name=kind]");
    if (kind) {
        const targets = new Map(form.dataset.targets.trim().split(" ").map((pair) => pair.split(":")));
        const show = () => {
            for (const target of targets.values()) {
                form.querySelector(`[data-field="${target}"]`).hidden = target !== targets.get(kind.value);
            }
            const clear = form.querySelector('[data-field="clear"]');
            clear.hidden = !["authorization_list", "group_members"].includes(kind.value);
            for (const format of document.querySelectorAll("[data-format]")) {
                format.hidden = format.dataset.format !== kind.value;
            }
        };
        kind.addEventListener("change", show);
        show();
    }
}
