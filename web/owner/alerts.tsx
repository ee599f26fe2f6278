/* What is worth an alert, in plain words, and whom to tell. */
import { useEffect } from "preact/hooks";
import type { SeeState } from "../shared/seeing.ts";
import { Channels } from "./channels.tsx";
import { fullTime, isToday, minuteTime, startOfDay } from "./format.ts";
import { choose, route } from "./route.ts";
import { Rules } from "./rules.tsx";
import { attempt, pollEvents, pollSee, tell } from "./seeing.ts";
import { WithSeeing } from "./seestate.tsx";
import { now, say } from "./state.ts";
import { Button, Icon, Message, Page } from "./ui.tsx";

export function AlertsPage() {
    useEffect(() => {
        const stops = [pollSee(10_000), pollEvents(60_000)];
        return () => stops.forEach((s) => s());
    }, []);
    const tab = route.value.query.get("show") === "channels" ? "channels" : "rules";
    return (
        <Page title="Alerts">
            <WithSeeing what="your rules and alerts">
                {(s) => (
                    <>
                        {!s.on && <Message kind="warn" title="Seeing is off">The hub records without looking, so nothing alerts. <button type="button" class="link" onClick={() => void attempt(tell("see.set", { on: true }))}>Turn it on</button></Message>}
                        <Now state={s} />
                        <div class="segmented tabs" role="radiogroup" aria-label="Show">
                            {([["rules", "Rules"], ["channels", "Whom to tell"]] as const).map(([v, text]) => (
                                <label key={v} class={tab === v ? "on" : ""}><input type="radio" name="tab" checked={tab === v} onChange={() => choose({ show: v === "rules" ? null : v, rule: null })} />{text}</label>
                            ))}
                        </div>
                        {tab === "rules" ? <Rules state={s} /> : <Channels state={s} />}
                    </>
                )}
            </WithSeeing>
        </Page>
    );
}

/* Somebody home or not, and quiet for a while: what one changes in passing. */
function Now({ state }: { state: SeeState }) {
    const until = state.muted_until / 1e6;
    const muted = until > now();
    const here = state.presence?.now ?? "home";
    const by = state.presence?.by;
    const set = (args: Record<string, unknown>, said: string, undo: Record<string, unknown>): void =>
        void attempt(tell("see.set", args)).then((ok) => ok && say(said, "info", () => void attempt(tell("see.set", undo))));
    const mute = (s: number): void => set({ muted_until: Math.round(s * 1e6) }, `Quiet until ${isToday(s) ? minuteTime(s) : fullTime(s)}`, { muted_until: 0 });
    return (
        <section class="now card" aria-label="Now">
            <div class="now-part">
                <div class="segmented" role="radiogroup" aria-label="Is somebody home?">
                    {(["home", "away"] as const).map((p) => (
                        <label key={p} class={here === p ? "on" : ""}>
                            <input type="radio" name="presence" checked={here === p} onChange={() => set({ presence: p }, p === "home" ? "Somebody is home" : "Nobody is home", { presence: here })} />
                            <Icon name={p === "home" ? "home" : "away"} />{p === "home" ? "Somebody home" : "Nobody home"}
                        </label>
                    ))}
                </div>
                {by && <small class="muted">Set by {by}</small>}
            </div>
            <div class="now-part end">
                {muted ? (
                    <>
                        <span class="pill warn"><Icon name="bellOff" /> Quiet until {isToday(until) ? minuteTime(until) : fullTime(until)}</span>
                        <Button onClick={() => set({ muted_until: 0 }, "Alerts are on again", { muted_until: state.muted_until })}>End it</Button>
                    </>
                ) : (
                    <>
                        <span class="muted">Mute</span>
                        <Button icon="bellOff" onClick={() => mute(now() + 3600)}>1 hour</Button>
                        <Button onClick={() => mute(startOfDay(now() + 26 * 3600))}>Today</Button>
                    </>
                )}
            </div>
        </section>
    );
}
