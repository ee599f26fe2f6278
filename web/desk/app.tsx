/* The portal's frame: who is signed in, and the pages that their roles have. */
import { useEffect } from "preact/hooks";
import { clockOffsetMs } from "../owner/backend.ts";
import { route } from "../owner/route.ts";
import { Button, Icon, Logo, Message, type IconName } from "../owner/ui.tsx";
import { wordOf } from "../shared/errors.ts";
import { AlarmsPage, ReportPage, StaffPage } from "./admin.tsx";
import { Asking, Code, DoorFrame, NewFactor, SignIn, SignUp, Waiting, Words } from "./door.tsx";
import { client, phase, provider } from "./state.ts";
import { QueuePage } from "./queue.tsx";
import { TicketPage } from "./ticket.tsx";
import { ViewPage } from "./viewer.tsx";
import type { Me } from "./worker.ts";

export async function start(): Promise<void> {
    try {
        const vault = await client.vault();
        if (!vault) return void (phase.value = { at: "none" });
        provider.value = { name: vault.provider, fingerprint: vault.fingerprint };
        clockOffsetMs.value = vault.clockOffsetMs;
        phase.value = { at: "signin" };
    } catch (e) {
        phase.value = wordOf(e) === "offline" ? { at: "unreachable" } : { at: "none" };
    }
}

export function App() {
    const p = phase.value;
    switch (p.at) {
        case "in": return <Desk me={p.me} />;
        case "signin": return <SignIn />;
        case "signup": return <SignUp />;
        case "words": return <Words {...p} />;
        case "code": return <Code {...p} />;
        case "factor": return <NewFactor {...p} />;
        case "asking": return <Asking {...p} />;
        case "waiting": return <Waiting {...p} />;
        case "none": return <DoorFrame title="There is no desk here" lead="This vault serves its households without a provider's staff: it has no support desk." />;
        case "unreachable":
            return (
                <DoorFrame title="The vault does not answer">
                    <Message kind="warn">Check your connection. Tickets and what was said in them are safe.</Message>
                    <Button look="main" onClick={() => location.reload()}>Try again</Button>
                </DoorFrame>
            );
        default: return <main class="door quiet" aria-busy="true"><Logo /></main>;
    }
}

type Item = [href: string, label: string, icon: IconName, pages: string[]];
const AGENT: Item[] = [["#/", "Tickets", "mail", ["", "ticket", "view"]]];
const ADMINISTRATOR: Item[] = [["#/staff", "Staff", "person", ["", "staff"]], ["#/alarms", "Alarms", "bell", ["alarms"]], ["#/report", "Report", "chart", ["report"]]];

function Desk({ me }: { me: Me }) {
    const [page = "", id, grant] = route.value.path;
    const agent = me.roles.includes("agent");
    const administrator = me.roles.includes("administrator");
    const items = [...(agent ? AGENT : []), ...(administrator ? ADMINISTRATOR : [])];
    useEffect(() => {
        /* Nothing of the portal is printed or handed on. */
        const stop = (e: Event): void => e.preventDefault();
        addEventListener("contextmenu", stop);
        return () => removeEventListener("contextmenu", stop);
    }, []);
    return (
        <div class="frame desk">
            <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to the page</a>
            <nav class="nav" aria-label="Main">
                <a class="nav-brand" href="#/" aria-label="Support desk"><Logo /></a>
                {items.map(([href, label, icon, pages]) => {
                    const here = pages.includes(page);
                    return <a key={href} href={href} class={here ? "here" : ""} aria-current={here ? "page" : undefined}><Icon name={icon} /><span>{label}</span></a>;
                })}
                <button type="button" class="nav-out" onClick={() => void client.signOut().then(() => { location.hash = ""; phase.value = { at: "signin" }; })}><Icon name="away" /><span>Sign out</span></button>
            </nav>
            <div class="content">
                <div class="desk-bar"><span><strong>{me.name}</strong> <span class="muted">{me.roles.join(", ")} {me.number} · {provider.value.name}</span></span><span class="pill">Nothing is kept on this device</span></div>
                {agent && page === "ticket" && id ? <TicketPage id={id} key={id} me={me} />
                    : agent && page === "view" && id && grant ? <ViewPage ticket={id} grant={grant} key={grant} me={me} />
                    : administrator && page === "alarms" ? <AlarmsPage />
                    : administrator && page === "report" ? <ReportPage />
                    : administrator ? <StaffPage />
                    : agent ? <QueuePage />
                    : <main class="page" id="main" tabIndex={-1}><div class="empty"><span class="empty-art"><Icon name="lock" /></span><h2>Nothing here for your role yet</h2><p>You are certified as {me.roles.join(", ")}. The desk's tickets are for agents, its watch for administrators.</p></div></main>}
            </div>
        </div>
    );
}
