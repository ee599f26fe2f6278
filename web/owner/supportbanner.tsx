/* Above every page: that the support desk asks to see something. Loaded beside the app, so that it costs the wall nothing. */
import { useEffect } from "preact/hooks";
import { route } from "./route.ts";
import { desk, pollTickets, tickets } from "./support.ts";
import { Icon } from "./ui.tsx";

const EVERY_MS = 10_000;

export function SupportBanner() {
    useEffect(() => pollTickets(EVERY_MS), []);
    const [page, id] = route.value.path;
    const waiting = (tickets.value ?? []).filter((t) => t.waiting && !(page === "support" && id === t.ticket));
    const first = waiting[0];
    if (!first) return null;
    return (
        <div class="banner" role="status">
            <Icon name="eye" /> <span><strong>{desk.value?.name}</strong> asks to see a camera, for “{first.subject}”.</span> <a class="link" href={`#/support/${first.ticket}`}>Look at it</a>
        </div>
    );
}
