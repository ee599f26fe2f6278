/* Above every page: who else is watching, for how long, and the button that ends it. */
import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import type { Watching } from "../shared/views.ts";
import { endShare, followActivity, grantOf, left, nameOf, watching } from "./activity.ts";
import { household } from "./state.ts";
import { Icon } from "./ui.tsx";

const MOST = 3;

export function Watchers() {
    const tick = useSignal(0);
    useEffect(() => followActivity(), []);
    useEffect(() => {
        if (watching.value.length === 0) return;
        const timer = setInterval(() => tick.value++, 1000);
        return () => clearInterval(timer);
    }, [watching.value.length > 0]);
    void tick.value;
    /* Live first; more than a few are counted. */
    const all = [...watching.value].sort((a, b) => b.live.length - a.live.length);
    const shown = all.length > MOST ? all.slice(0, MOST - 1) : all;
    return (
        <>
            {shown.map((w) => <Watcher key={w.id} of={w} />)}
            {all.length > shown.length && <div class="banner watcher" role="status"><i class="dot" aria-hidden="true" /><span><strong>{all.length - shown.length} more</strong> are watching</span><a class="link" href="#/shared">See who</a></div>}
        </>
    );
}

/* A stream's camera, by name; a substream is its main one's. */
export function cameraWords(streams: string[]): string {
    const names = (household.value?.cameras ?? []).filter((c) => streams.includes(c.id) || (c.sub && streams.includes(c.sub.id))).map((c) => c.profile.name);
    if (names.length === 0) return "a camera";
    return names.length > 3 ? `${names.length} cameras` : names.join(", ").replace(/, ([^,]+)$/, " and $1");
}

function Watcher({ of }: { of: Watching }) {
    const [ending, setEnding] = useState(false);
    const grant = grantOf(of.id);
    const rest = left(grant);
    const live = of.live.length > 0;
    const end = (): void => {
        setEnding(true);
        void endShare(of.id).finally(() => setEnding(false));
    };
    return (
        <div class="banner watcher" role="status">
            <i class="dot" aria-hidden="true" />
            <span>
                <strong>{nameOf(grant, of.purpose)}</strong> {live ? `is watching ${cameraWords(of.live)} live` : `${grant?.statement.live && of.purpose !== "member" ? "has open" : "is looking at recordings of"} ${cameraWords(grant?.statement.cameras ?? [])}`}
                {rest && <>, <span class="num">{rest}</span> left</>}
            </span>
            {of.purpose === "member" ? <a class="link" href="#/people">People</a> : (
                <button type="button" class="watcher-end" disabled={ending} aria-busy={ending} onClick={end}><Icon name="close" /> {ending ? "Ending…" : "End"}</button>
            )}
        </div>
    );
}
