/* Pages that are loaded when they are first gone to: the wall does not wait for the zones editor. */
import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { Message, Page } from "./ui.tsx";

/* `part` of a page: nothing stands in its place while it comes. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>, part = false): ComponentType<P> {
    const got = signal<ComponentType<P> | null>(null);
    const failed = signal(false);
    let asked = false;
    return function Lazy(props: P) {
        if (!asked) {
            asked = true;
            load().then((c) => (got.value = c), () => ((failed.value = true), (asked = false)));
        }
        const Loaded = got.value;
        if (Loaded) return <Loaded {...props} />;
        if (part) return null;
        if (failed.value) return <Page title="This page"><Message kind="warn" title="It could not be loaded">The vault does not answer, or has a newer version of this app. Reload to try again.</Message></Page>;
        return <main class="page" id="main" tabIndex={-1} aria-busy="true" />;
    };
}
