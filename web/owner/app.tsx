/* The frame around all pages: which phase the app is in, navigation, banners. */
import { useSignal, useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { messageOf, wordOf } from "../shared/errors.ts";
import { AccountPage } from "./account.tsx";
import { AddPage } from "./add.tsx";
import { CameraPage } from "./camera.tsx";
import { clockTime } from "./format.ts";
import { HealthPage } from "./health.tsx";
import { lazy } from "./lazy.tsx";
import { MorePage } from "./more.tsx";
import { route, takeSetupCode } from "./route.ts";
import { SettingsPage } from "./settings.tsx";
import { RecoverPage, SignInPage } from "./signin.tsx";
import { FirstPage } from "./start.tsx";
import { client, clockOffsetMs, household, loadHousehold, offlineSince, phase, pollReports, setupCode, toast, vaultName } from "./state.ts";
import { Button, Icon, Logo, Message, type IconName } from "./ui.tsx";
import { WallPage } from "./wall.tsx";
import { updateReady, registerWorker } from "./update.ts";

const EventsPage = lazy(() => import("./events.tsx").then((m) => m.EventsPage));
const AlertsPage = lazy(() => import("./alerts.tsx").then((m) => m.AlertsPage));
const StatsPage = lazy(() => import("./stats.tsx").then((m) => m.StatsPage));
const FacesPage = lazy(() => import("./faces.tsx").then((m) => m.FacesPage));
const ZonesPage = lazy<{ id: string }>(() => import("./zones.tsx").then((m) => m.ZonesPage));

export async function start(): Promise<void> {
    registerWorker();
    const code = takeSetupCode();
    try {
        const info = await client.vault();
        vaultName.value = info.name;
        clockOffsetMs.value = info.clockOffsetMs;
        setupCode.value = code ?? info.setup_code ?? null;
        /* Somebody who is signed in and opens the printed address again has no use for its code. */
        if (await resumed()) return;
        phase.value = setupCode.value && (info.setup_code || code) ? "first" : "signin";
    } catch (e) {
        phase.value = wordOf(e) === "offline" ? "unreachable" : "signin";
    }
}

async function resumed(): Promise<boolean> {
    try {
        if (!(await client.resume())) return false;
        await loadHousehold();
        phase.value = "home";
        return true;
    } catch (e) {
        if (wordOf(e) === "offline") throw e;
        console.info(`signing in anew: ${messageOf(e)}`);
        return false;
    }
}

export function App() {
    return (
        <>
            {phase.value === "home" ? <Home /> : <Door />}
            <div class="toasts" aria-live="polite">
                {toast.value && (
                    <div class={`toast ${toast.value.kind}`} key={toast.value.key}>
                        {toast.value.text}
                        {toast.value.undo && <button type="button" onClick={() => { const undo = toast.value?.undo; toast.value = null; undo?.(); }}>Undo</button>}
                    </div>
                )}
            </div>
        </>
    );
}

/* Before the household is open. */
function Door() {
    switch (phase.value) {
        case "first":
            return <FirstPage />;
        case "recover":
            return <RecoverPage />;
        case "signin":
            return <SignInPage />;
        case "unreachable":
            return (
                <DoorFrame title="The vault does not answer">
                    <Message kind="warn">Cardea's vault is not reachable from this device. Check that it runs and that you are on its network. Your cameras go on recording on their hub meanwhile.</Message>
                    <Button look="main" onClick={() => location.reload()}>Try again</Button>
                </DoorFrame>
            );
        default:
            return <div class="door quiet" aria-busy="true"><Logo /></div>;
    }
}

export function DoorFrame({ title, lead, children }: { title: string; lead?: ComponentChildren; children: ComponentChildren }) {
    useEffect(() => {
        document.title = `${title} · Cardea`;
    }, [title]);
    return (
        <main class="door">
            <div class="door-card">
                <div class="brand"><Logo /><span>Cardea</span></div>
                <h1>{title}</h1>
                {lead && <p class="lead">{lead}</p>}
                {children}
            </div>
            <p class="door-foot"><Icon name="lock" /> What your cameras see is opened on this device, and nowhere else.</p>
        </main>
    );
}

function Home() {
    useEffect(() => pollReports(10_000), []);
    useEffect(() => {
        const timer = setInterval(() => void loadHousehold().catch(() => undefined), 30_000);
        return () => clearInterval(timer);
    }, []);
    const [page, id, sub] = route.value.path;
    return (
        <div class="frame">
            <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to the page</a>
            <Nav page={page ?? ""} />
            <div class="content">
                <Banners />
                {page === "camera" && id && sub === "settings" ? <SettingsPage id={id} key={id} />
                    : page === "camera" && id && sub === "zones" ? <ZonesPage id={id} key={id} />
                    : page === "camera" && id ? <CameraPage id={id} key={id} />
                    : page === "events" ? <EventsPage />
                    : page === "alerts" ? <AlertsPage />
                    : page === "stats" ? <StatsPage />
                    : page === "faces" ? <FacesPage />
                    : page === "settings" ? <MorePage />
                    : page === "add" ? <AddPage />
                    : page === "health" ? <HealthPage />
                    : page === "account" ? <AccountPage />
                    : <WallPage />}
            </div>
        </div>
    );
}

function Nav({ page }: { page: string }) {
    const items: [string, string, IconName, boolean][] = [
        ["#/", "Cameras", "grid", page === "" || page === "camera"],
        ["#/events", "Events", "list", page === "events"],
        ["#/alerts", "Alerts", "bell", page === "alerts"],
        ["#/stats", "Statistics", "chart", page === "stats"],
        ["#/settings", "Settings", "gear", ["settings", "add", "health", "account", "faces"].includes(page)],
    ];
    return (
        <nav class="nav" aria-label="Main">
            <a class="nav-brand" href="#/" aria-label="Cardea, all cameras"><Logo /></a>
            {items.map(([href, label, icon, here]) => (
                <a key={href} href={href} class={here ? "here" : ""} aria-current={here ? "page" : undefined}>
                    <Icon name={icon} />
                    <span>{label}</span>
                </a>
            ))}
        </nav>
    );
}

function Banners() {
    const tick = useSignal(0);
    useSignalEffect(() => {
        if (offlineSince.value === null) return;
        const timer = setInterval(() => {
            tick.value++;
            void client.vault().catch(() => undefined);
        }, 5000);
        return () => clearInterval(timer);
    });
    return (
        <>
            {offlineSince.value !== null && (
                <div class="banner warn" role="status">
                    <Icon name="offline" /> The vault has not answered since {clockTime(offlineSince.value / 1000)}. The hub keeps recording; trying again…
                </div>
            )}
            {updateReady.value && (
                <div class="banner" role="status">
                    A new version of this app is ready. <button type="button" class="link" onClick={() => updateReady.value?.()}>Use it now</button>
                </div>
            )}
            {(household.value?.problems ?? []).map((p) => (
                <div class="banner bad" role="alert" key={p}><Icon name="warn" /> The vault's copy of this was refused: {p}</div>
            ))}
        </>
    );
}
