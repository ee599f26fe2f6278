/* The frame around all pages: which phase the app is in, navigation, banners. */
import { useSignal, useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { messageOf, wordOf } from "../shared/errors.ts";
import { clockTime } from "./format.ts";
import { lazy } from "./lazy.tsx";
import { followLooks } from "./looked.ts";
import { MorePage } from "./more.tsx";
import { ProofBanner } from "./proofbanner.tsx";
import { route, takeApproval, takeInvitation, takeSetupCode } from "./route.ts";
import { RecoverPage, SignInPage } from "./signin.tsx";
import { FirstPage } from "./start.tsx";
import { approvalCode, client, clockOffsetMs, goHome, household, isOwner, joinCode, loadHousehold, offlineSince, phase, pollReports, say, setupCode, signedOut, toast, vaultName } from "./state.ts";
import { Button, Icon, Logo, Message, Page, sentence, type IconName } from "./ui.tsx";
import { WallPage } from "./wall.tsx";
import { updateReady, updateRefused, registerWorker } from "./update.ts";

const CameraPage = lazy<{ id: string }>(() => import("./camera.tsx").then((m) => m.CameraPage));
const SettingsPage = lazy<{ id: string }>(() => import("./settings.tsx").then((m) => m.SettingsPage));
const AddPage = lazy(() => import("./add.tsx").then((m) => m.AddPage));
const HealthPage = lazy(() => import("./health.tsx").then((m) => m.HealthPage));
const AccountPage = lazy(() => import("./account.tsx").then((m) => m.AccountPage));
const EventsPage = lazy(() => import("./events.tsx").then((m) => m.EventsPage));
const AlertsPage = lazy(() => import("./alerts.tsx").then((m) => m.AlertsPage));
const StatsPage = lazy(() => import("./stats.tsx").then((m) => m.StatsPage));
const FacesPage = lazy(() => import("./faces.tsx").then((m) => m.FacesPage));
const LookedPage = lazy(() => import("./looked.tsx").then((m) => m.LookedPage));
const ZonesPage = lazy<{ id: string }>(() => import("./zones.tsx").then((m) => m.ZonesPage));

const SharedPage = lazy(() => import("./shared.tsx").then((m) => m.SharedPage));
const PeoplePage = lazy(() => import("./people.tsx").then((m) => m.PeoplePage));
const JoinPage = lazy(() => import("./join.tsx").then((m) => m.JoinPage));
const OutsidePage = lazy(() => import("./join.tsx").then((m) => m.OutsidePage));
const ApprovePage = lazy(() => import("./letin.tsx").then((m) => m.ApprovePage));
const NewSignIns = lazy(() => import("./security.tsx").then((m) => m.NewSignIns), true);
const SupportPage = lazy<{ id: string | undefined }>(() => import("./support.tsx").then((m) => m.SupportPage));
const SupportBanner = lazy(() => import("./supportbanner.tsx").then((m) => m.SupportBanner), true);
const Watchers = lazy(() => import("./watchers.tsx").then((m) => m.Watchers), true);

export async function start(): Promise<void> {
    registerWorker();
    const code = takeSetupCode();
    joinCode.value = takeInvitation()?.join ?? null;
    const approval = (): void => {
        const asks = takeApproval();
        if (asks) approvalCode.value = asks;
        if (asks && phase.value === "home") location.hash = "#/approve";
    };
    approval();
    addEventListener("hashchange", approval); /* the link was opened where the app is open */
    try {
        const info = await client.vault();
        vaultName.value = info.name;
        clockOffsetMs.value = info.clockOffsetMs;
        setupCode.value = code ?? info.setup_code ?? null;
        /* Somebody who is signed in and opens the printed address again has no use for its code. */
        if (await resumed()) return;
        phase.value = joinCode.value ? "join" : setupCode.value && (info.setup_code || code) ? "first" : "signin";
    } catch (e) {
        phase.value = wordOf(e) === "offline" ? "unreachable" : "signin";
    }
}

async function resumed(): Promise<boolean> {
    try {
        if (!(await client.resume())) return false;
        await goHome();
        return true;
    } catch (e) {
        if (wordOf(e) === "offline") throw e;
        if (wordOf(e) === "ended") signedOut.value = true;
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
        case "join":
            return <JoinPage />;
        case "outside":
            return <OutsidePage />;
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
    useEffect(() => (isOwner.value ? tending() : undefined), [isOwner.value]);
    useEffect(() => (isOwner.value ? followLooks() : undefined), [isOwner.value]);
    const [page, id, sub] = route.value.path;
    const owners = ["alerts", "faces", "add", "health", "shared", "people", "looked", "support"].includes(page ?? "") || (page === "camera" && sub !== undefined);
    return (
        <div class="frame">
            <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to the page</a>
            <Nav page={page ?? ""} />
            <div class="content">
                <Banners />
                <NewSignIns />
                {isOwner.value && <ProofBanner page={page ?? ""} />}
                {isOwner.value && <Watchers />}
                {isOwner.value && <SupportBanner />}
                {owners && !isOwner.value ? <OwnersOnly />
                    : page === "camera" && id && sub === "settings" ? <SettingsPage id={id} key={id} />
                    : page === "camera" && id && sub === "zones" ? <ZonesPage id={id} key={id} />
                    : page === "camera" && id ? <CameraPage id={id} key={id} />
                    : page === "events" ? <EventsPage />
                    : page === "alerts" ? <AlertsPage />
                    : page === "stats" ? <StatsPage />
                    : page === "faces" ? <FacesPage />
                    : page === "shared" ? <SharedPage />
                    : page === "people" ? <PeoplePage />
                    : page === "looked" ? <LookedPage />
                    : page === "support" ? <SupportPage id={id} />
                    : page === "settings" ? <MorePage />
                    : page === "add" ? <AddPage />
                    : page === "health" ? <HealthPage />
                    : page === "account" ? <AccountPage />
                    : page === "approve" ? <ApprovePage />
                    : <WallPage />}
            </div>
        </div>
    );
}

/* While an owner's app is open it lets in who was invited, and hands new keys to whoever may look. */
const TEND_MS = 20_000;
function tending(): () => void {
    const tend = (): void => {
        if (document.visibilityState === "visible") void client.tend().then((came) => came.forEach((name) => say(`${name} is in`))).catch(() => undefined);
    };
    tend();
    const timer = setInterval(tend, TEND_MS);
    return () => clearInterval(timer);
}

function OwnersOnly() {
    return (
        <Page title="For owners">
            <div class="empty">
                <div class="empty-art" aria-hidden="true"><Icon name="lock" /></div>
                <h2>This is for the owners of {household.value?.name}</h2>
                <p>You can watch what they share with you. To change something, ask one of them.</p>
                <a class="button main" href="#/">All cameras</a>
            </div>
        </Page>
    );
}

function Nav({ page }: { page: string }) {
    const items: [string, string, IconName, boolean][] = [
        ["#/", "Cameras", "grid", page === "" || page === "camera"],
        ["#/events", "Events", "list", page === "events"],
        ...(isOwner.value ? [["#/alerts", "Alerts", "bell", page === "alerts"] as [string, string, IconName, boolean]] : []),
        ["#/stats", "Statistics", "chart", page === "stats"],
        ["#/settings", "Settings", "gear", ["settings", "add", "health", "account", "approve", "faces", "shared", "people", "looked", "support"].includes(page)],
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
            {updateRefused.value && (
                <div class="banner bad" role="alert">
                    <Icon name="warn" /><span>This server offers pages that are not in its public log: this app stays as it is. <span class="muted">{sentence(updateRefused.value)} Before you close it, ask whoever runs the vault, and run <code>cardea web verify</code>.</span></span>
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
