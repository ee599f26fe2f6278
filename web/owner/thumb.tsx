/* Pictures of events: the one that was chosen for it, else the recording's of that moment, else its glyph. */
import { useEffect, useState } from "preact/hooks";
import type { SeenEvent } from "../shared/seeing.ts";
import { Glyph } from "./glyph.tsx";
import { client } from "./state.ts";

const KEPT = 400;
const AT_ONCE = 6;
const made = new Map<string, Promise<string | null>>();
const queue: (() => void)[] = [];
let running = 0;

function turn(): Promise<void> {
    if (running < AT_ONCE) {
        running++;
        return Promise.resolve();
    }
    return new Promise((r) => queue.push(r));
}
function done(): void {
    const next = queue.pop(); /* the newest wish first: what was scrolled past can wait */
    if (next) next();
    else running--;
}

async function load(e: SeenEvent): Promise<string | null> {
    await turn();
    try {
        const chosen = e.picture ? await client.eventPicture(e.camera, e.day * 86_400, e.picture) : null;
        const blob = chosen ?? (await client.picture(e.camera, e.begin / 1e6 + 0.5).then((p) => (p && Math.abs(p.slot - e.begin / 1e6) < 12 ? p.blob : null)));
        return blob && URL.createObjectURL(blob);
    } catch {
        return null;
    } finally {
        done();
    }
}

/* An address of the picture, kept for a while. Addresses that fall out are given back. */
export function eventPicture(e: SeenEvent): Promise<string | null> {
    const key = `${e.id} ${e.picture ?? ""}`;
    let url = made.get(key);
    if (url) made.delete(key);
    else url = load(e);
    made.set(key, url);
    void url.then((u) => u === null && made.delete(key));
    if (made.size > KEPT) {
        const [oldest, gone] = made.entries().next().value!;
        made.delete(oldest);
        void gone.then((u) => u && URL.revokeObjectURL(u));
    }
    return url;
}

export function useEventPicture(e: SeenEvent | null): string | null | undefined {
    const [url, setUrl] = useState<string | null | undefined>(undefined);
    useEffect(() => {
        let gone = false;
        setUrl(undefined);
        if (e) void eventPicture(e).then((u) => !gone && setUrl(u));
        return () => void (gone = true);
    }, [e?.id, e?.picture]);
    return url;
}

/* A tall crop in a wide frame stands before a blur of itself: nothing of it is cut off. */
export function Thumb({ event, alt = "" }: { event: SeenEvent | null; alt?: string }) {
    const url = useEventPicture(event);
    return (
        <span class={`thumb ${url ? "" : "bare"}`} aria-busy={url === undefined}>
            {url && <img class="behind" src={url} alt="" aria-hidden="true" />}
            {url && <img class="front" src={url} alt={alt} />}
            {url === null && event && <Glyph label={event.label} />}
        </span>
    );
}
