/* Everything that is set now and then, in one place. */
import { useEffect } from "preact/hooks";
import { loadShares, shares } from "./activity.ts";
import { proof, story } from "./looked.ts";
import { pollSee, see } from "./seeing.ts";
import { household, isOwner, now, reports } from "./state.ts";
import { desk, tickets } from "./support.ts";
import { Icon, Page, type IconName } from "./ui.tsx";

interface Row {
    href: string;
    icon: IconName;
    title: string;
    about: string;
    state?: { text: string; look: string } | null;
}

function proofState(): Row["state"] {
    const s = proof.value;
    if (s?.failure) return { text: "Proof failed", look: "bad" };
    if (s?.problem) return { text: "Not checked", look: "warn" };
    const unusual = story.value?.alarms.some((a) => now() - a.time < 7 * 86_400);
    if (unusual) return { text: "Unusual use", look: "warn" };
    return s?.proven ? { text: "Proven", look: "good" } : null;
}

export function MorePage() {
    useEffect(() => {
        if (!isOwner.value) return;
        void loadShares();
        return pollSee(60_000);
    }, []);
    const open = (shares.value ?? []).filter((g) => g.statement.purpose === "link" && g.state === "active").length;
    const hubs = reports.value;
    const down = hubs.filter((h) => !h.online).length;
    const s = see.value;
    const people = s?.faces.people.length ?? 0;
    const amiss = hubs.flatMap((h) => h.cameras).filter((c) => c.kind !== "sub" && c.state !== "streaming").length + (s?.on && s.vision?.state === "failed" ? 1 : 0)
        + (s?.channels ?? []).filter((c) => c.on !== false && (c.state === "failing" || c.state === "gone")).length + hubs.filter((h) => h.status?.vault_since || h.status?.clock_ok === false).length;
    const groups: [string, Row[]][] = [
        ["Your home", [
            { href: "#/add", icon: "plus", title: "Add", about: "A camera, or another hub" },
            { href: "#/faces", icon: "face", title: "Familiar faces", about: "Who you know, by name", state: s ? { text: s.faces.on ? (people === 0 ? "Nobody yet" : people === 1 ? "1 person" : `${people} people`) : "Off", look: s.faces.message ? "warn" : s.faces.on && people > 0 ? "good" : "" } : null },
            { href: "#/health", icon: "pulse", title: "Storage and health", about: "Hub, cameras, recognition, what is kept", state: hubs.length > 0 ? (down > 0 ? { text: "Hub offline", look: "bad" } : amiss > 0 ? { text: amiss === 1 ? "1 problem" : `${amiss} problems`, look: "warn" } : { text: "Well", look: "good" }) : null },
        ]],
        ["Cameras", (household.value?.cameras ?? []).map((c): Row => {
            const zones = s?.zones[c.id]?.length ?? 0;
            const masks = s?.masks[c.id]?.length ?? 0;
            const drawn = [zones > 0 ? `${zones} ${zones === 1 ? "zone" : "zones"}` : "", masks > 0 ? `${masks} ${masks === 1 ? "mask" : "masks"}` : ""].filter(Boolean).join(", ");
            return { href: `#/camera/${c.id}/settings`, icon: "photo", title: c.profile.name, about: drawn ? `Recording, sound, ${drawn}` : "Recording, sound, zones, deletion" };
        })],
        ["Who may look", [
            { href: "#/shared", icon: "link", title: "Shared links", about: "Moments and live views that somebody can open", state: open > 0 ? { text: open === 1 ? "1 open" : `${open} open`, look: "" } : null },
            { href: "#/people", icon: "person", title: "People", about: "Owners, members and viewers of your home" },
            { href: "#/looked", icon: "shield", title: "Who looked?", about: "Every access, and the proof that none is missing", state: proofState() },
        ]],
        ["Help", desk.value ? [{ href: "#/support", icon: "mail", title: "Support", about: `Write to ${desk.value.name}: you decide what they see`, state: tickets.value?.some((t) => t.waiting) ? { text: "They ask to see", look: "warn" } : null }] : []],
        ["You", [{ href: "#/account", icon: "person", title: "Account", about: "Passphrase, second factor, where you are signed in, appearance" }]],
    ];
    return (
        <Page title="Settings">
            {groups.filter(([name, rows]) => rows.length > 0 && (isOwner.value || name === "You")).map(([name, rows]) => (
                <section class="setting-group" key={name} aria-label={name}>
                    <h2>{name}</h2>
                    <div class="card flush">
                        {rows.map((r) => (
                            <a class="setting" href={r.href} key={r.href}>
                                <span class="setting-icon"><Icon name={r.icon} /></span>
                                <span class="setting-words"><strong>{r.title}</strong><small class="muted">{r.about}</small></span>
                                {r.state && <span class={`pill ${r.state.look}`}>{r.state.text}</span>}
                                <Icon name="next" />
                            </a>
                        ))}
                    </div>
                </section>
            ))}
        </Page>
    );
}
