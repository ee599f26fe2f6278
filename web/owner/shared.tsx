/* What is shared by link: what, until when, how often it was opened, who watches now; and the end of it. */
import { useEffect, useState } from "preact/hooks";
import type { GrantView } from "../shared/grants.ts";
import { FOREVER } from "../shared/limits.ts";
import { endShare, loadShares, shares, sharesProblem } from "./activity.ts";
import { dayName, duration, isToday, minuteTime, whenTime } from "./format.ts";
import { copy, Handover } from "./handover.tsx";
import { client, household, now, say } from "./state.ts";
import { Button, Confirm, Dialog, Icon, Message, Page, sentence, Tool } from "./ui.tsx";
import { cameraWords } from "./watchers.tsx";

const isOpen = (g: GrantView): boolean => g.state === "active" || g.state === "later";
const KINDS: Record<string, string> = { link: "A link", member: "Access for a member", support: "Access for support" };
const soon = (s: number): string => (isToday(s) ? minuteTime(s) : `${dayName(s)}, ${minuteTime(s)}`);
const STATES: Record<GrantView["state"], [string, string]> = { active: ["Open", "good"], later: ["Not yet", ""], expired: ["Expired", ""], revoked: ["Ended", ""], used: ["Used up", ""] };

export function SharedPage() {
    useEffect(() => {
        void loadShares();
        const timer = setInterval(() => document.visibilityState === "visible" && void loadShares(), 5000);
        return () => clearInterval(timer);
    }, []);
    const links = shares.value?.filter((g) => g.statement.purpose === "link");
    if (!links) return <Page title="Shared links">{sharesProblem.value ? <Message kind="bad">{sentence(sharesProblem.value)}</Message> : <div class="page-wait"><span class="spinner" role="status" aria-label="Loading" /></div>}</Page>;
    /* Of whatever purpose: nobody of this home may know that it is there. */
    const former = shares.value!.filter((g) => g.former && isOpen(g));
    const open = links.filter((g) => isOpen(g) && !g.former);
    const over = links.filter((g) => !isOpen(g));
    const count = links.length - over.length;
    return (
        <Page title="Shared links" actions={links.length > 0 ? <span class="muted">{count === 0 ? "None is open" : count === 1 ? "1 is open" : `${count} are open`}</span> : undefined}>
            {sharesProblem.value && <Message kind="bad">{sentence(sharesProblem.value)}</Message>}
            {former.length > 0 && (
                <section class="shares-former" aria-label="Made by a former owner's key">
                    <Message kind="warn" title="Made by a former owner's key">
                        {former.length === 1 ? "This access was" : "These accesses were"} given before your home got new keys, or by somebody who kept the former ones, and {former.length === 1 ? "was" : "were"} not taken over. {former.length === 1 ? "It gets" : "They get"} no new keys. End what you do not know.
                    </Message>
                    <ul class="shares">{former.map((g) => <Share key={g.id} of={g} />)}</ul>
                </section>
            )}
            {links.length === 0 && former.length === 0 && <Nothing />}
            <ul class="shares">{open.map((g) => <Share key={g.id} of={g} />)}</ul>
            {over.length > 0 && (
                <details class="shares-over" open={open.length === 0}>
                    <summary>{over.length === 1 ? "1 that is over" : `${over.length} that are over`}</summary>
                    <ul class="shares">{over.map((g) => <Share key={g.id} of={g} />)}</ul>
                </details>
            )}
            <p class="members-hint"><a class="link" href="#/looked">Who looked?</a> <span class="muted">Every opening of a link is written down, and proven.</span></p>
        </Page>
    );
}

function Nothing() {
    const first = household.value?.cameras[0];
    return (
        <div class="empty">
            <div class="empty-art" aria-hidden="true"><Icon name="link" /></div>
            <h2>Nothing is shared</h2>
            <p>Show somebody a moment, or a camera live for an hour, by a link that opens exactly that. Open a camera or an event, and press Share.</p>
            <a class="button main" href={first ? `#/camera/${first.id}` : "#/"}>{first ? `Open ${first.profile.name}` : "All cameras"}</a>
        </div>
    );
}

function what({ statement: s }: GrantView): string {
    const when = s.live ? `live${s.to < FOREVER ? `, ${now() < s.to ? "until" : "was until"} ${soon(s.to)}` : ""}` : `${whenTime(s.from)}, ${duration(s.to - s.from)}`;
    return `${cameraWords(s.cameras)}, ${when}`;
}

function until({ statement: s, state, revoked }: GrantView): string {
    if (state === "revoked" && revoked) return `Ended ${soon(revoked)}`;
    if (state === "expired") return `Until ${soon(s.expires)}`;
    return s.expires >= FOREVER ? "No end" : `Open until ${soon(s.expires)}`;
}

function opened({ uses, lastUse, statement: s }: GrantView): string {
    const of = s.views ? ` of ${s.views}` : "";
    if (uses === 0) return s.views ? `Not opened yet; works ${s.views === 1 ? "once" : `${s.views} times`}` : "Not opened yet";
    const times = uses === 1 && !of ? "Opened once" : `Opened ${uses}${of} times`;
    return lastUse ? `${times}, last ${isToday(lastUse) ? "today" : dayName(lastUse)} at ${minuteTime(lastUse)}` : times;
}

function Share({ of: g }: { of: GrantView }) {
    const [doing, setDoing] = useState<"end" | "show" | null>(null);
    const [word, look] = STATES[g.state];
    const open = isOpen(g);
    const forget = async (): Promise<void> => {
        await client.forgetShare(g.id).then(() => say("Taken off this list; the log keeps that it was"), (e) => say(String(e.message), "bad"));
        await loadShares();
    };
    return (
        <li class={`card share ${open ? "" : "over"}`}>
            <div class="share-words">
                <div class="share-name">
                    <h2>{g.note?.name ?? KINDS[g.statement.purpose] ?? "An access"}</h2>
                    <span class={`pill ${look}`}>{word}</span>
                    {g.former && open && <span class="pill warn">Former key</span>}
                    {g.note?.password && <span class="pill"><Icon name="key" />Password</span>}
                </div>
                <p class="share-what">{what(g).charAt(0).toUpperCase() + what(g).slice(1)}</p>
                {g.note?.words && <p class="muted share-said">“{g.note.words}”</p>}
                <p class="muted num">{until(g)} · {opened(g)}</p>
                {g.watching.length > 0 && open && <p class="share-now"><i class="dot" />Watching now</p>}
            </div>
            <div class="share-do">
                {open && g.link && <Button icon="link" onClick={() => void copy(g.link!)}>Copy link</Button>}
                {open && g.link && <Tool icon="boxes" label="Show as QR code" onClick={() => setDoing("show")} />}
                {open ? <Button look="danger" onClick={() => setDoing("end")}>End it</Button> : <Button icon="trash" look="quiet" onClick={() => void forget()}>Take off the list</Button>}
            </div>
            {doing === "show" && <Dialog title={g.note?.name ?? "The link"} onClose={() => setDoing(null)}><Handover link={g.link!} what="Shared with you" /></Dialog>}
            {doing === "end" && (
                <Confirm title="End this share?" action="End it" onClose={() => setDoing(null)} onDone={async () => void (await endShare(g.id))}>
                    <p>{g.statement.purpose === "link" ? "The link" : "This access"} stops working at once, and whoever is watching sees nothing more. What they have seen they have seen.</p>
                    {g.statement.to > now() && <p>The camera also gets new keys, so that the old ones open nothing of what comes.</p>}
                </Confirm>
            )}
        </li>
    );
}
