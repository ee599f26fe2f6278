/* The worker's entry of the share page: what a link opens is opened here, and its keys never reach the page. */
import { emitter, serve, type WorkerScope } from "../shared/rpc.ts";

const scope = self as unknown as WorkerScope;
serve(scope, { emit: emitter(scope) });
