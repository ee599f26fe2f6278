/* Light or dark: the system's unless the person chose; kept on this device alone. */
import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";
export const theme = signal<Theme>((localStorage.getItem("theme") as Theme | null) ?? "system");
effect(() => {
    if (theme.value === "system") {
        localStorage.removeItem("theme");
        delete document.documentElement.dataset["theme"];
    } else {
        localStorage.setItem("theme", theme.value);
        document.documentElement.dataset["theme"] = theme.value;
    }
});
