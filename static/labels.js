// Says to a screen reader what each search box is about: select2 takes a field's place, but not its label.
"use strict";
{
    const name = (select) => {
        const label = document.querySelector(`label[for="${CSS.escape(select.id)}"]`) || select.closest("label");
        return (label ? label.textContent : select.getAttribute("aria-label") || select.name).replace(/\s+/g, " ").trim();
    };

    const label = () => {
        for (const box of document.querySelectorAll(".select2-container:not([data-labelled])")) {
            const select = box.previousElementSibling;
            if (!select || select.tagName !== "SELECT") {
                continue;
            }
            box.dataset.labelled = "yes";
            for (const part of box.querySelectorAll(".select2-selection, [role=textbox], .select2-search__field")) {
                part.removeAttribute("aria-labelledby");
                part.setAttribute("aria-label", name(select));
            }
        }
        for (const field of document.querySelectorAll(".select2-search__field:not([aria-label])")) {
            const open = document.querySelector(".select2-container--open[data-labelled]");
            field.setAttribute("aria-label", open ? name(open.previousElementSibling) : field.placeholder || "?");
        }
    };

    document.addEventListener("DOMContentLoaded", () => {
        label();
        new MutationObserver(label).observe(document.body, { childList: true, subtree: true });
    });
}
