/* The worker's entry: one client for one page. */
import { Client } from "./client.ts";
import { emitter, serve, type WorkerScope } from "./rpc.ts";

const scope = self as unknown as WorkerScope;
serve(scope, new Client(emitter(scope)));
