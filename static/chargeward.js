"use strict";

// All rows of a list at once: the box in its head.
document.addEventListener("change", (event) => {
    const name = event.target.dataset.pickAll;
    if (name) {
        const list = event.target.closest("table");
        for (const box of list.querySelectorAll(`input[type=checkbox][name="${name}"]`)) {
            box.checked = event.target.checked;
        }
    }
});

// A menu closes when something else is clicked, and at Escape.
{
    const closeMenus = (but) => {
        for (const menu of document.querySelectorAll("details.cw-menu[open]")) {
            if (menu !== but) {
                menu.open = false;
            }
        }
    };
    document.addEventListener("click", (event) => closeMenus(event.target.closest("details.cw-menu")));
    document.addEventListener("keydown", (event) => {
        if (event.key === "Escape") {
            const menu = document.activeElement && document.activeElement.closest("details.cw-menu[open]");
            closeMenus(null);
            if (menu) {
                menu.querySelector("summary").focus();
            }
        }
    });
}
