/* What the pages of seeing say while the hub does not answer, or does not see. */
import type { ComponentChildren } from "preact";
import type { SeeState } from "../shared/seeing.ts";
import { loadSee, seeing } from "./seeing.ts";
import { household } from "./state.ts";
import { Button, Icon, Message, sentence } from "./ui.tsx";

export function WithSeeing({ children, what }: { children: (s: SeeState) => ComponentChildren; what: string }) {
    const s = seeing.value;
    if ((household.value?.hubs.length ?? 0) === 0) {
        return (
            <div class="empty">
                <div class="empty-art" aria-hidden="true"><Icon name="hub" /></div>
                <h2>No hub yet</h2>
                <p>The hub at home is what looks. Pair one, and {what} will be here.</p>
                <a class="button main" href="#/add">Pair a hub</a>
            </div>
        );
    }
    if (s.kind === "here") return <>{children(s.state)}</>;
    if (s.kind === "asking") return <div class="skeleton" role="status" aria-label="Asking the hub"><span /><span /><span /></div>;
    if (s.kind === "old") {
        return (
            <div class="empty">
                <div class="empty-art" aria-hidden="true"><Icon name="eye" /></div>
                <h2>This hub does not see yet</h2>
                <p>It records, and cannot tell what is in the picture. Update Cardea on the hub, and {what} will be here.</p>
                <a class="button plain" href="#/health">Look at the hub</a>
            </div>
        );
    }
    return (
        <>
            <Message kind="warn" title="The hub does not answer">{sentence(s.message)} What you set up here lies on the hub; it goes on working by it meanwhile.</Message>
            <div class="actions start"><Button onClick={() => void loadSee()}>Ask again</Button></div>
        </>
    );
}
