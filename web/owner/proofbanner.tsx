/* Above every page of an owner's app: that the proof of who looked has failed, or is long due. */
import { CASES, isStale, proof } from "./looked.ts";
import { now } from "./state.ts";
import { Icon } from "./ui.tsx";

export function ProofBanner({ page }: { page: string }) {
    const s = proof.value;
    if (!s || page === "looked") return null;
    if (s.failure)
        return (
            <div class="banner bad proof-banner" role="alert">
                <Icon name="warn" /><span><strong>{CASES[s.failure.case].title}.</strong> Your vault could not prove who looked.</span><a class="proof-more" href="#/looked">What happened<Icon name="next" /></a>
            </div>
        );
    if (isStale(s))
        return (
            <div class="banner warn proof-banner" role="status">
                <Icon name="warn" /><span>Who looked has not been proven for {Math.floor((now() - s.proven!.at) / 86_400)} days.</span><a class="proof-more" href="#/looked">Why<Icon name="next" /></a>
            </div>
        );
    return null;
}
